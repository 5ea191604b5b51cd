"""Outcome coverage: which ways of a flow the scenarios have taken."""
