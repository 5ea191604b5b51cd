"""Asks look-ups, and counts what comes of each."""

from __future__ import annotations

from app.engine import Lookup, LookupAnswer
from app.service.lookups import LookupAnswerer
from app.web.metrics import Metrics


class CountedAsking:
    """Asks as `asking` does."""

    def __init__(self, asking: LookupAnswerer, metrics: Metrics) -> None:
        self._asking = asking
        self._metrics = metrics
        self.clock = asking.clock

    @property
    def budget_ms(self) -> int:
        """What all look-ups of a turn may take together."""
        return self._asking.budget_ms

    async def answer(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        """What comes of it within `left_ms`. Never raises."""
        answer = await self._asking.answer(lookup, left_ms)
        self._metrics.looked_up(lookup.name, answer)
        return answer
