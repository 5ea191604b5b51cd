"""Asks the platform itself, by short calls between two numbers of one application, how it behaves."""
