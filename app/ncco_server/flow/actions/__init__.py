"""The actions of a step, and the NCCO actions that they become."""
