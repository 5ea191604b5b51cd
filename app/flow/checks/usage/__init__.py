"""Checks over whole flows: what is unused, unset, never true or too long."""
