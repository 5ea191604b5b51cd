"""Templates and conditions: the texts of a flow that are computed for each call."""
