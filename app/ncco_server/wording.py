"""Numbers, durations, lists and sentences in messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_BEGINS_WITH_WORD: Final = re.compile("[a-z]+[ ,;]")


def counted(number: int, noun: str, nouns: str = "") -> str:
    """`1 call`, `2 calls`, `1,000 calls`. `nouns` is the plural unless it just adds an s."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def as_sentence(text: str) -> str:
    """Leave a file name, a step's name or a number at the beginning as it is."""
    return text[:1].upper() + text[1:] if _BEGINS_WITH_WORD.match(text) else text


def some_of(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def duration_text(seconds: float | None) -> str:
    """As `42 s`, `3:05` or `1:02:03`; `?` if unknown."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    if minutes < 1:
        return f"{rest} s"
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
