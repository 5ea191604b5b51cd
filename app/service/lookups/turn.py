"""The look-ups of one turn."""

from __future__ import annotations

import asyncio
from typing import Protocol

from app.engine import Lookup, LookupAnswer


class Asking(Protocol):
    """What asks a single look-up."""

    @property
    def budget_ms(self) -> int:
        """What all look-ups of a turn may take together."""

    def clock(self) -> float:
        """Seconds that only grow."""

    async def answer(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        """What comes of it within `left_ms`. Never raises."""


class TurnLookups:
    """Asks the look-ups of a turn: those of one step side by side, all within one budget of time."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self.left_ms: float = asking.budget_ms

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each, in their order. Never raises; what fails has a problem instead of a value."""
        start = self._asking.clock()
        answers = await asyncio.gather(*(self._asking.answer(lookup, self.left_ms) for lookup in lookups))
        self.left_ms -= (self._asking.clock() - start) * 1000
        return tuple(answers)
