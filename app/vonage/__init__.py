"""Vonage: the signatures of its webhooks, and its APIs."""
