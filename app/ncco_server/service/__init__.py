"""Handles the webhooks of calls: `CallService` and its parts, which use the store, engine, network and clock."""
