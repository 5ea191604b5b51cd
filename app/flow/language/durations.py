"""Durations as a flow file writes them: `700ms`, `2s`, `5m`, `1h`."""

from __future__ import annotations

import re
from typing import Final

from app.flow.language.base import ReadWith
from app.flow.language.json_schema import TEXT
from app.flow.nodes import Node
from app.flow.reader import Reader

_WRITTEN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_MEANT: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]*)\.?", re.IGNORECASE)
_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_UNITS: Final = {
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
}


def duration(low: str, high: str, unit: str) -> ReadWith:
    """Reads a duration from `low` to `high` as milliseconds; E534 for anything else.

    `unit` is what a bare number is most likely meant in.
    """
    shortest, longest = milliseconds(low) or 0, milliseconds(high) or 0

    def read(node: Node, what: str, reader: Reader) -> int | None:
        text = reader.text(node, what)
        if text is None:
            return None
        found = milliseconds(text.value)
        if found is not None and shortest <= found <= longest:
            return found
        meant = _meant(text.value, unit)
        is_fitting = shortest <= (milliseconds(meant) or -1) <= longest
        cure = f"write {meant}" if is_fitting else f"write a duration from {low} to {high}"
        reader.report("E534", text.place, f'{what} cannot be "{text.value}"', cure)
        return None

    return ReadWith(read, TEXT)


def milliseconds(text: str) -> int | None:
    """What a duration is in milliseconds; None when the text is none."""
    found = _WRITTEN.fullmatch(text)
    return round(float(found[1]) * _MS[found[2]]) if found else None


def _meant(text: str, unit: str) -> str:
    """A duration that only lacks its unit, or has it in another spelling; "" for anything else."""
    found = _MEANT.fullmatch(text.strip())
    short = _UNITS.get(found[2].lower() or unit, "") if found else ""
    return f"{found[1]}{short}" if found and short else ""
