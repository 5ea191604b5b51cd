"""Calls in Python: a handler is played as a flow whose steps it makes itself, one for each wait."""
