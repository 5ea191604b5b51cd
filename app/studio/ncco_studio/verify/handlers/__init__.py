"""Runs handlers with samples, to find what no reader of their code sees."""
