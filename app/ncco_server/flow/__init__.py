"""Flows: reads and checks flow files, runs single steps, and draws flows."""
