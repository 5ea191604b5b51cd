"""The actions of a step: how the items of `do` are read, and the NCCO actions that they become in a call."""
