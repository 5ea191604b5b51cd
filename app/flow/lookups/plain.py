"""Values that JSON has: what may go into a body, and what a list or a map of an answer may hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.flow.templates.filters import MAX_TEXT
from app.flow.types import ValueType

MAX_DEPTH: Final = 20
"""How deep lists and maps may stand in each other; our choice."""

_LARGE: Final = 2**63


def plain_json(value: object, depth: int = 0) -> Any:
    """`value` as JSON has it: a copy in which a point in time is its ISO 8601 text.

    Raises ValueError with a sentence without the value.
    """
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isinstance(value, bool) or _is_number(value):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if depth < MAX_DEPTH and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {plain_text(key): plain_json(item, depth + 1) for key, item in value.items()}
    raise ValueError(f"a value that JSON has is needed, at most {MAX_DEPTH} levels deep")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < _LARGE


def plain_text(text: str) -> str:
    """`text`, when it can be written and is not too long. Raises ValueError."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"text of at most {MAX_TEXT:,} characters is needed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text of whole characters is needed") from None
    return text


JSON: Final = ValueType("any", "any", "sample", plain_json)
"""Any JSON value; what is computed keeps its own type."""
