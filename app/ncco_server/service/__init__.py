"""Handles the webhooks of calls, with the store, engine, network and clock."""
