"""Signatures of Vonage's webhooks."""
