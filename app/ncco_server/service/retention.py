"""Deletes data that is older than the retention period, in small batches while calls are answered."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ncco_server.service.library import Library
from ncco_server.store import Store, give_way, milliseconds

BATCH_SIZE: Final = 20

REST_FACTOR: Final = 9
"""Rests between batches last this many times a batch's duration."""


WORK_S: Final = 60.0


class Swept(NamedTuple):
    """How much a sweep deleted, and whether its time was too short."""

    rows: int = 0
    revisions: int = 0
    has_more: bool = False


async def sweep_calls(store: Store, library: Library, now: datetime, kept_for: timedelta) -> Swept:
    """Delete old calls. `now` is aware, UTC. After a StoreError, the next sweep deletes the rest.

    `kept_for` counts from a call's last change and is at least a day, the maximum duration of a call. Source: Voice API
    specification, length_timer.
    """
    before, until = milliseconds(now - kept_for), milliseconds(now)
    work_until = time.monotonic() + WORK_S
    rows = 0
    while gone := await _sweep_batch(store, before, until):
        rows += gone
        if time.monotonic() > work_until:
            return Swept(rows, has_more=True)
    return Swept(rows, await store.sweep_revisions(before, library.used))


async def _sweep_batch(store: Store, before: int, now: int) -> int:
    started = time.monotonic()
    gone = await store.sweep(before, BATCH_SIZE, now)
    await give_way(started, REST_FACTOR)
    return gone
