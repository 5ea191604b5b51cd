"""Vonage's webhook signatures and APIs."""
