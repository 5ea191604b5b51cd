"""How values of a webhook are read: never strictly, never with an exception."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator

DEPTH_LIMIT = 64
"""Levels of nested JSON text that are read. Our choice: real webhooks have four."""

NESTED = frozenset({"dtmf", "speech", "payload", "custom_data", "original_request", "headers"})
"""Fields that arrive as one query parameter holding JSON text when the method is GET. Source: webhook reference."""


def unnested(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields, with JSON text in a nested field decoded.

    Text that is no JSON object, array or null stays as it came.
    """
    return {str(name): _decoded(value) if name in NESTED else value for name, value in fields.items()}


def _decoded(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None if value == "null" else value
    try:
        decoded: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        decoded = _repaired(value)
    return value if decoded is None or _is_deep(decoded, DEPTH_LIMIT) else decoded


def _repaired(text: str) -> object:
    """What a lenient reader makes of it, fit to be written again: no half letters, no endless numbers."""
    try:
        decoded = json.loads(text, parse_constant=lambda _: None, strict=False)
        repaired: object = orjson.loads(json.dumps(decoded, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # RecursionError: text nested thousands deep
        return None
    return repaired


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left < 0 or any(_is_deep(each, left - 1) for each in inner)


def _as_text(value: object) -> object:
    """Numbers become text; a bool is no number here, so that pydantic refuses it, as it does an endless int."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return value


def as_text(value: object) -> str:
    """Text or a number as text; "" for anything else, as `Text` reads it."""
    if isinstance(value, str):
        return value
    try:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
    except ValueError:  # more digits than Python prints
        return ""


def _as_number(value: object) -> object:
    """Blank text is no number rather than a wrong one; a bool is refused."""
    if isinstance(value, str) and not value.strip():
        return None
    return str(value) if isinstance(value, bool) else value


Text = Annotated[str | None, BeforeValidator(_as_text)]
Whole = Annotated[int | None, BeforeValidator(_as_number)]


def mapping(value: object) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}
