"""Counts the open calls of the store now and then, for the metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

from structlog.typing import FilteringBoundLogger

from app.errors import StoreError
from app.service.rows import milliseconds
from app.store import Records, Store
from app.web.metrics import Metrics

COUNT_S: Final = 15.0
"""How often to count: as often as Prometheus usually asks."""

SHARE: Final = 0.01
"""Part of the time that counting takes at most: with very many calls on it is done less often."""

WITHIN: Final = timedelta(hours=4)
"""Calls are counted that began within this time: longer than calls last, so that one whose end was never reported does
not count for ever. Our choice; two hours is the longest that a call is connected.

Source: NCCO reference, Connect (limit).
"""


async def count_calls(
    store: Store,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
    *,
    count_s: float = COUNT_S,
) -> None:
    """Count for ever, beside the store; what cannot be counted now is counted later."""
    while True:
        try:
            await _count(store.records(), metrics, count_s, clock)
        except StoreError as error:
            log.debug("open calls not counted", problem=str(error))
        except Exception as error:  # noqa: BLE001 - no fault of one moment (no file left to open) ends it for good
            log.warning("open calls not counted", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(count_s)


async def _count(records: Records, metrics: Metrics, count_s: float, clock: Callable[[], datetime]) -> NoReturn:
    """Count until something is wrong."""
    try:
        await records.open()
        while True:
            begun = time.monotonic()
            metrics.calls_open(await records.count_open(milliseconds(clock() - WITHIN)))
            await asyncio.sleep(max(count_s, (time.monotonic() - begun) / SHARE))
    finally:
        await records.close()
