"""Loops around engine and simulator: scenarios, outcome coverage, proof."""
