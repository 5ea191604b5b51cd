"""Counts the open calls of the store now and then, for the metrics."""

from __future__ import annotations

import asyncio
from typing import Final

from structlog.typing import FilteringBoundLogger

from app.errors import StoreError
from app.store.contract import Store
from app.store.records import Recorded
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
        records = store.records()
        try:
            await records.open()
            while True:
                metrics.calls_open(await records.count_open(newest))
                await asyncio.sleep(count_s)
        except StoreError as error:
            log.debug("open calls not counted", problem=str(error))
        finally:
            await records.close()
        await asyncio.sleep(count_s)
