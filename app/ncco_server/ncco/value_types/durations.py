"""Durations such as `700ms`, `30s`, `5m`, `2h` and `90d`."""

from __future__ import annotations

import re
from typing import Final

_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")


def duration_ms(text: str) -> int | None:
    """Return None if the text is not a duration."""
    found = _DURATION.fullmatch(text)
    return round(float(found[1]) * _UNITS_MS[found[2]]) if found else None
