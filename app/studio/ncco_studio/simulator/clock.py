"""The virtual clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)
"""A Wednesday morning."""


class VirtualClock:
    """The time of one simulation; only the scheduler changes `ms`, the milliseconds since the start."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start.astimezone(UTC)
        self.ms = 0

    def __call__(self) -> datetime:
        return self.at(self.ms)

    def at(self, ms: int) -> datetime:
        return self._start + timedelta(milliseconds=ms)


def in_ms(seconds: float) -> int:
    return round(seconds * 1000)
