"""Asks the look-ups of a turn: by HTTP, or by calling a function."""

from __future__ import annotations

from app.service.lookups.client import LookupClient
from app.service.lookups.turn import TurnLookups

__all__ = ["LookupClient", "TurnLookups"]
