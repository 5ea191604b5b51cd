"""Scenarios, outcome coverage and proofs of flows, based on the engine and the simulator."""
