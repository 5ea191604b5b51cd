"""Templates and conditions: texts of a flow that are computed for each call."""
