"""Look-ups: what a flow asks from outside while a caller is on the line, and what comes of it."""

from __future__ import annotations

from app.flow.lookups.asked import AskedLookup, read_asked
from app.flow.lookups.definition import LookupDefinition
from app.flow.lookups.hushing import Hushing
from app.flow.lookups.reading import read_lookups
from app.flow.lookups.request import LookupRequest

__all__ = ["AskedLookup", "Hushing", "LookupDefinition", "LookupRequest", "read_asked", "read_lookups"]
