"""What lists and maps may hold: as much as can be kept with a call, and nothing but what JSON has."""

from __future__ import annotations

import math
from collections.abc import ItemsView, Mapping
from datetime import datetime

MAX_ITEMS = 200
"""How many entries a list or a map may have; our choice, so that no caller's data makes a loop long."""

MAX_ENTRIES = 5_000
"""How many entries lists and maps within each other may have, all told; our choice."""

MAX_NESTING = 10
"""How deep lists and maps may stand within each other; our choice."""

_LARGE = 10**18


def entries(value: object) -> list[object] | tuple[object, ...]:
    """`value`, when it is a list of bounded length. Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list of at most {MAX_ITEMS} entries is needed")
    return value


def pairs(value: object) -> ItemsView[str, object]:
    """The entries of `value`, when it is a map of bounded length. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError("a map is needed")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a map of at most {MAX_ITEMS} entries is needed")
    return value.items()


def kept_list(value: object) -> list[object]:
    """A copy of a list, as JSON can keep it with the call. Raises ValueError."""
    room = _Room()
    return [room.kept(item) for item in entries(value)]


def kept_map(value: object) -> dict[str, object]:
    """A copy of a map, as JSON can keep it with the call. Raises ValueError."""
    room = _Room()
    return {str(key): room.kept(item) for key, item in pairs(value)}


class _Room:
    """How much may still be kept within one list or map."""

    def __init__(self) -> None:
        self.left = MAX_ENTRIES

    def kept(self, value: object, depth: int = 1) -> object:
        """An entry as JSON has it: a point in time becomes its text."""
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"lists and maps of at most {MAX_ENTRIES:,} entries altogether are needed")
        if depth > MAX_NESTING:
            raise ValueError(f"lists and maps nested at most {MAX_NESTING} deep are needed")
        match value:
            case str() | bool() | None:
                return value
            case list() | tuple():
                return [self.kept(item, depth + 1) for item in value]
            case Mapping():
                return {str(key): self.kept(item, depth + 1) for key, item in value.items()}
            case int() | float() if abs(value) < _LARGE and math.isfinite(value):
                return value
            case datetime():
                return value.isoformat()
        raise ValueError("entries that are texts, numbers, true or false, lists or maps are needed")
