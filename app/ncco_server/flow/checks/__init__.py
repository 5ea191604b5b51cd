"""Checks of the flows, steps and prompts that were read."""
