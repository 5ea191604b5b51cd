"""Scenarios: scripted calls and what must be heard in them."""
