"""Counts the open calls of the store now and then, for the metrics."""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

from structlog.typing import FilteringBoundLogger

from app.errors import StoreError
from app.store.contract import Store
from app.store.records import Recorded, Records
from app.web.metrics import Metrics

COUNT_S: Final = 15.0
"""How often to count: as often as Prometheus usually asks."""

NEWEST: Final = 20_000
"""Calls among which open ones are counted, so that it costs the same however many are stored."""


async def count_calls(
    store: Store, metrics: Metrics, log: FilteringBoundLogger, *, count_s: float = COUNT_S, newest: int = NEWEST
) -> None:
    """Count for ever, beside the store; what cannot be counted now is counted later."""
    while isinstance(store, Recorded):
        try:
            await _count(store.records(), metrics, count_s, newest)
        except StoreError as error:
            log.debug("open calls not counted", problem=str(error))
        except Exception as error:  # noqa: BLE001 - no fault of one moment (no file left to open) ends it for good
            log.warning("open calls not counted", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(count_s)


async def _count(records: Records, metrics: Metrics, count_s: float, newest: int) -> NoReturn:
    """Count until something is wrong."""
    try:
        await records.open()
        while True:
            metrics.calls_open(await records.count_open(newest))
            await asyncio.sleep(count_s)
    finally:
        await records.close()
