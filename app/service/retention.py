"""Deletes what is older than it may be kept, in small pieces while calls go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from app.errors import StoreUnavailable
from app.service.library import Library
from app.store import Store

EVERY_S: Final = 600.0
"""How often to look for what has become too old."""

PIECE: Final = 20
"""Calls that one transaction deletes."""

SHARE: Final = 9
"""After each piece the store has so many times as long for calls as the piece took."""

SHORTEST_REST_S: Final = 0.02


class Swept(NamedTuple):
    """What one sweep has deleted: calls, webhooks and hooks together, and revisions; `problem`: what kept it."""

    rows: int = 0
    revisions: int = 0
    problem: str = ""


class Sweeper:
    """Sweeps a store.

    Args:
        store: open for as long as this runs.
        library: whose flows must be in the store, used or not.
        days: how long a call is kept after its last change; at least 1, which is as long as a call may last. Source:
            Voice API specification, length_timer.
        told: is told of each sweep that did anything, or could not; never raises.
        clock: the time, aware, UTC.
        every_s: see `EVERY_S`.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        days: int,
        told: Callable[[Swept], None],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._library = library
        self._kept = timedelta(days=days)
        self._told = told
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """Sweep now and then until it is cancelled."""
        while True:
            swept = await self.sweep()
            if any(swept):
                self._told(swept)
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> Swept:
        """Delete all that is too old by now. Raises nothing: what is left is deleted the next time."""
        before, rows, revisions = int((self._clock() - self._kept).timestamp() * 1000), 0, 0
        try:
            while gone := await self._piece(before):
                rows += gone
            kept = await self._library.save_again()
            revisions = await self._store.sweep_revisions(before, kept)
        except StoreUnavailable as error:
            return Swept(rows, revisions, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the sweeping for good
            return Swept(rows, revisions, f"{type(error).__name__}: {error}")
        return Swept(rows, revisions)

    async def _piece(self, before: int) -> int:
        """Delete a few, and rest in proportion, so that calls are served as before."""
        started = time.monotonic()
        gone = await self._store.sweep(before, PIECE)
        await asyncio.sleep(max(SHORTEST_REST_S, SHARE * (time.monotonic() - started)))
        return gone
