"""Who is told what becomes of hooks: the log and the metrics."""

from __future__ import annotations

from typing import Protocol

from app.service.outbox.verdict import Verdict
from app.store import HookCounts, HookRow


class Listener(Protocol):
    """Is told; never raises."""

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """One try is over; it is tried again in `next_s` seconds. None: it was sent, or parked."""

    def counted(self, counts: HookCounts) -> None:
        """How many hooks there are; told every few seconds."""

    def troubled(self, problem: str) -> None:
        """The store could not be asked or told. What was to be sent stays where it is."""


class Silent:
    """A listener that does nothing."""

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """See `Listener`."""

    def counted(self, counts: HookCounts) -> None:
        """See `Listener`."""

    def troubled(self, problem: str) -> None:
        """See `Listener`."""
