"""Virtual time: it moves only when the simulation moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)
"""When a simulation begins unless it is told otherwise: a Wednesday morning."""

LONGEST_MS: Final = 24 * 3600 * 1000
"""How far time runs by itself; no call lasts longer. Source: Voice API specification, length_timer (most)."""


class VirtualClock:
    """The time of one simulation, in whole milliseconds; calling it gives `now`, as the server under test wants it.

    Raises ValueError for a start without a time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        self.restart(start)

    def restart(self, start: datetime) -> None:
        """Begin another simulation with the same clock, so that one server can serve many; not within one."""
        if start.tzinfo is None:
            raise ValueError("the start of a virtual clock needs a time zone, e.g. datetime(..., tzinfo=UTC)")
        self._start = start.astimezone(UTC)
        self.ms = 0
        """Milliseconds since the start."""

    @property
    def now(self) -> datetime:
        """The time it is, aware, UTC."""
        return self.at(self.ms)

    def __call__(self) -> datetime:
        """The time it is."""
        return self.now

    def at(self, ms: int) -> datetime:
        """The time it was, or will be, `ms` milliseconds after the start."""
        return self._start + timedelta(milliseconds=ms)

    def move_to(self, ms: int) -> None:
        """Move on to `ms` milliseconds after the start; never back."""
        self.ms = max(self.ms, ms)


def milliseconds(seconds: float) -> int:
    """Seconds in whole milliseconds."""
    return round(seconds * 1000)
