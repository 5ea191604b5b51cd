"""Whether a value survives being written as JSON in UTF-8."""

from __future__ import annotations

import math

DEEPEST = 200
"""Levels of nesting that every JSON writer and reader of ours stands. Our own choice."""


def unwritable(value: object) -> str | None:
    """Why the value cannot be written as JSON; None when it can. Stands any depth."""
    if isinstance(value, (dict, list)):
        return _unwritable_inside(value)
    return _unwritable_alone(value)


def _unwritable_inside(root: object) -> str | None:
    layer, depth = [root], 0
    while layer:
        if depth > DEEPEST:
            return f"it is nested over {DEEPEST} levels deep"
        inner: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                inner.extend(value.values())
                inner.extend(value.keys())
                if not all(isinstance(key, str) for key in value):
                    return "it has a key that is no text"
            elif isinstance(value, list):
                inner.extend(value)
            elif fault := _unwritable_alone(value):
                return fault
        layer, depth = inner, depth + 1
    return None


def _unwritable_alone(value: object) -> str | None:
    if isinstance(value, str):
        return None if value.isascii() or _encodes(value) else "it holds half of a surrogate pair"
    if isinstance(value, float):
        return None if math.isfinite(value) else "NaN and Infinity are no JSON numbers"
    if value is None or isinstance(value, int):
        return None
    return f"a {type(value).__name__} is no JSON value"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
