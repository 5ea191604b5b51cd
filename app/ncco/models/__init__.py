"""The actions, endpoints and settings of an NCCO as typed models."""
