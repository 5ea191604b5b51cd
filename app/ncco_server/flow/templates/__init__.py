"""Templates and conditions: texts that are computed for each call."""
