"""Deletes what is older than the retention, in small batches while calls go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from app.errors import StoreUnavailable
from app.service.library import Library
from app.store import Store, milliseconds

EVERY_S: Final = 600.0
"""How often to look for what has become too old."""

BATCH_SIZE: Final = 20
"""Calls that one transaction deletes."""

REST_FACTOR: Final = 9
"""After each batch the sweeper rests so many times as long as the batch took, and leaves the store to calls."""

SHORTEST_REST_S: Final = 0.02


class Swept(NamedTuple):
    """What one sweep has deleted: calls, webhooks and hooks together, and revisions; `problem`: why it stopped."""

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
        report: gets each sweep that deleted something or failed; never raises.
        clock: the time, aware, UTC.
        every_s: see `EVERY_S`.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        days: int,
        report: Callable[[Swept], None],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._library = library
        self._kept = timedelta(days=days)
        self._report = report
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """Sweep every `every_s` seconds until it is cancelled."""
        while True:
            swept = await self.sweep()
            if any(swept):
                self._report(swept)
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> Swept:
        """Delete all that is too old by now. Raises nothing: what is left is deleted the next time."""
        before = milliseconds(self._clock() - self._kept)
        rows = 0
        revisions = 0
        try:
            while gone := await self._sweep_batch(before):
                rows += gone
            kept = await self._library.save_again()
            revisions = await self._store.sweep_revisions(before, kept)
        except StoreUnavailable as error:
            return Swept(rows, revisions, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the sweeping for good
            return Swept(rows, revisions, f"{type(error).__name__}: {error}")
        return Swept(rows, revisions)

    async def _sweep_batch(self, before: int) -> int:
        """Delete one batch, then rest in proportion, so that calls are not slowed down."""
        started = time.monotonic()
        gone = await self._store.sweep(before, BATCH_SIZE)
        await asyncio.sleep(max(SHORTEST_REST_S, REST_FACTOR * (time.monotonic() - started)))
        return gone
