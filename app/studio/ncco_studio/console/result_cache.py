"""A cache of results that take a while to compute."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any


class ResultCache:
    """The most recently used results, at most `most`.

    The first value of a key is its kind; results of a kind are computed one at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[object, ...], tuple[float, Any]] = {}
        self._turns = defaultdict[object, asyncio.Lock](asyncio.Lock)

    async def get(
        self, key: tuple[object, ...], compute: Callable[[], Awaitable[Any]], most_s: float = math.inf
    ) -> Any:
        """Compute the result again if it is more than `most_s` seconds old."""
        oldest = time.monotonic() - most_s
        async with self._turns[key[0]]:
            known = self._known.pop(key, None)
            if known is None or known[0] < oldest:
                known = time.monotonic(), await compute()
            self._known[key] = known
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            return known[1]
