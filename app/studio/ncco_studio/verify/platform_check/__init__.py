"""Tests how the platform itself behaves, by short calls between two numbers of one application."""
