"""Durations as a flow file writes them: `700ms`, `2s`, `5m`, `1h`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.flow.nodes import Node
from app.flow.reader import Reader

_WRITTEN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_MEANT: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]*)\.?", re.IGNORECASE)
_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_UNITS: Final = (
    ("ms", ("ms", "msec", "millis", "millisecond", "milliseconds")),
    ("s", ("s", "sec", "secs", "second", "seconds")),
    ("m", ("m", "min", "mins", "minute", "minutes")),
    ("h", ("h", "hr", "hrs", "hour", "hours")),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `low` to `high`, both as written; `unit` is what a bare number is most likely meant in."""

    low: str
    high: str
    unit: str

    def read(self, node: Node, reader: Reader, what: str) -> int | None:
        """Milliseconds; E534 and None when it is none, computed, or out of bounds."""
        text = reader.text(node, what)
        if text is None:
            return None
        found = milliseconds(text.value)
        if found is not None and self._low <= found <= self._high:
            return found
        bounds = f"write a duration from {self.low} to {self.high}"
        reader.report("E534", text.place, f'{what} cannot be "{text.value}"', self._meant(text.value) or bounds)
        return None

    @property
    def _low(self) -> int:
        return milliseconds(self.low) or 0

    @property
    def _high(self) -> int:
        return milliseconds(self.high) or 0

    def _meant(self, text: str) -> str | None:
        """The cure for one that only lacks its unit, or has it in another spelling."""
        found = _MEANT.fullmatch(text.strip())
        unit = found[2].lower() if found else ""
        short = next((short for short, longer in _UNITS if unit in longer), self.unit if not unit else "")
        meant = f"{found[1]}{short}" if found and short else ""
        is_fitting = self._low <= (milliseconds(meant) or -1) <= self._high
        return f"write {meant}" if is_fitting else None


def milliseconds(text: str) -> int | None:
    """What a duration is in milliseconds; None when the text is none."""
    found = _WRITTEN.fullmatch(text)
    return round(float(found[1]) * _MS[found[2]]) if found else None
