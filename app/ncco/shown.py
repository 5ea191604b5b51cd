"""How values are shown in messages: short, safe for any value, in JSON's words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

LONGEST = 60


def shown(value: object) -> str:
    """The value as JSON, cut after 60 characters; arrays and objects are named, not shown."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "an array"
    if isinstance(value, str):
        short = value[: LONGEST - 3] + "..." if len(value) > LONGEST else value
        return encodable(json.dumps(short, ensure_ascii=False))
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that JSON does not know"
    try:
        text = str(value) if isinstance(value, (int, float)) else type(value).__name__
    except ValueError:  # an int of more digits than Python prints
        return "a huge number"
    return text if len(text) <= LONGEST else "a huge number"


def encodable(text: str) -> str:
    """The text with halves of surrogate pairs written as escapes, so that it can be printed."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def listed(words: Sequence[object], last: str = "or") -> str:
    """`a, b or c`."""
    *front, end = (str(word) for word in words)
    return f"{', '.join(front)} {last} {end}" if front else end
