"""Handles webhooks: CallService and its parts, which use the store, engine, network and clock."""
