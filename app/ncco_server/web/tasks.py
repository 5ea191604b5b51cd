"""Background tasks: open the store, count open calls, end calls whose end was missed, delete old data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from structlog.typing import FilteringBoundLogger

from ncco_server.errors import StoreError, StoreUnusable
from ncco_server.service.calls import CallService
from ncco_server.service.result_rows import ResultRows
from ncco_server.service.retention import sweep_calls
from ncco_server.service.unended_calls import UnendedCalls
from ncco_server.store import Backups, Store, milliseconds
from ncco_server.web.metrics import Metrics

if TYPE_CHECKING:  # only a server with an application's key has it
    from ncco_server.vonage.voice_api import VoiceApi

RETRY_S: Final = 1.0
"""Seconds between attempts to open a store that is unavailable."""
PATIENCE_S: Final = 2.0
"""How long startup waits for the store to open, in seconds. After that, the server starts anyway and keeps trying."""
COUNT_S: Final = 15.0
"""How often open calls are counted, in seconds: as often as Prometheus usually scrapes."""
COUNT_SHARE: Final = 0.01
"""Maximum share of time for counting: after a slow count, the next one comes later."""
SWEEP_CALLS_S: Final = 600.0
"""How often to look for expired calls, in seconds."""
LOOK_S: Final = 60.0
"""How often to look for calls whose end was missed, in seconds."""
COUNT_RESULTS_S: Final = 5.0
"""How often changed results are added to the sums, in seconds."""
COMPLETE_S: Final = 60.0
"""How often missing results are looked for, in seconds."""
COUNTED_AGE: Final = timedelta(hours=4)
"""Only calls that began this recently are counted, so that a call whose end was never reported is not counted forever.
Our choice: a call is connected for at most two hours. Source: NCCO reference, Connect (limit).
"""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` as a task until the context ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def first(work: Callable[[], Awaitable[None]], event: asyncio.Event) -> None:
    """Run `work`, then set `event`."""
    await work()
    event.set()


async def either(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def after(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` once `event` is set."""
    await event.wait()
    await work()


@asynccontextmanager
async def opened_store(
    store: Store, log: FilteringBoundLogger, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
) -> AsyncIterator[asyncio.Event]:
    """Open the store, and close it at the end. The event is set as soon as the store is open.

    If the store is unavailable, the server starts anyway: it is not ready, replies 503, and plays the failsafe NCCO on
    the fallback URL. If it did not listen, callers would hear nothing.

    Raises:
        StoreUnusable: the store cannot be opened, and a retry would not help.
    """
    opened = asyncio.Event()
    attempt = asyncio.create_task(store.open())
    await asyncio.wait({attempt}, timeout=patience_s)
    if attempt.done():
        error = attempt.exception()
        if error is None:
            opened.set()
        elif isinstance(error, StoreUnusable) or not isinstance(error, StoreError):
            log.error("store unusable", problem=str(error), cure=getattr(error, "cure", ""))
            raise error
    try:
        async with running(_open_later(store, attempt, opened, log, retry_s)):
            yield opened
    finally:
        await store.close()


async def _open_later(
    store: Store, attempt: asyncio.Task[None], opened: asyncio.Event, log: FilteringBoundLogger, retry_s: float
) -> None:
    """Retry until the store is open. A problem is only logged again after a different one."""
    logged = ""
    while not opened.is_set():
        try:
            await attempt
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the attempts
            problem = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
            if problem != logged:
                logged = problem
                log.error("store away", problem=problem, cure=getattr(error, "cure", ""))
            await asyncio.sleep(retry_s)
            attempt = asyncio.create_task(store.open())
        else:
            opened.set()
            log.info("store opened")


async def count_calls(
    store: Store,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
    *,
    backup_days: int,
    count_s: float = COUNT_S,
) -> None:
    """Count the open calls for the metrics and look up the last backup, at most once every `count_s` seconds.

    `backup_days` is the greatest age of the last backup; without one, days count from the first data. 0: no matter.
    """
    while True:
        begun = time.monotonic()
        try:
            async with store.records() as records:
                metrics.open_calls.set(await records.count_open(milliseconds(clock() - COUNTED_AGE)))
            backups = Backups(store.database)
            since = await backups.first_data_at()
            if backup := await backups.last():
                since = backup.made_at
                metrics.last_backup.set(backup.made_at / 1000)
            if since is not None and backup_days:
                metrics.backup_due.set(since / 1000 + timedelta(days=backup_days).total_seconds())
        except StoreError as error:
            log.debug("open calls not counted", problem=str(error))
        except Exception as error:  # noqa: BLE001 - a temporary error (no free file descriptor) must not end the counting
            log.warning("open calls not counted", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(max(count_s, (time.monotonic() - begun) / COUNT_SHARE))


async def retention_days(setting: int | None, store: Store) -> int:
    """How many days calls and recordings are kept: the setting, or else the database's default; 0 for forever."""
    while setting is None:
        try:
            setting = (await store.schema()).retention_days or 0
        except StoreError:
            await asyncio.sleep(RETRY_S)
    return setting


async def end_unended_calls(
    setting: int | None,
    service: CallService,
    voice: VoiceApi | None,
    looked: asyncio.Event,
    *,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
) -> None:
    """Regularly end calls whose end was missed. `looked` is set after the first search for such calls."""
    days = await retention_days(setting, service.store)
    calls = UnendedCalls(service, voice, timedelta(days=days) if days else None)
    while True:
        try:
            found = await calls.look(clock())
            looked.set()
            if found.problem:
                log.warning("Vonage not asked about calls", problem=found.problem)
            if found.early or found.known or found.lost:
                log.info("calls ended", early=found.early, known=found.known, lost=found.lost)
        except StoreError as error:
            log.warning("ends of calls not looked for", problem=str(error))
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end this task
            log.warning("ends of calls not looked for", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(LOOK_S)


async def keep_results(
    service: CallService, kept: asyncio.Event, *, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Regularly count changed results, and write those of calls that older versions stored or ended.

    `kept` is set after the first round, which is enough for all calls of a small database.
    """
    rows = ResultRows(service.store)
    complete_at = 0.0
    while True:
        wait_s = COUNT_RESULTS_S
        try:
            await rows.count()
            if time.monotonic() >= complete_at:
                if await rows.complete(milliseconds(clock())):
                    log.info("more results to write")
                    wait_s = 0.0
                else:
                    complete_at = time.monotonic() + COMPLETE_S
        except StoreError as error:
            log.warning("results not kept", problem=str(error))
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end this task
            log.warning("results not kept", problem=f"{type(error).__name__}: {error}")
            complete_at = time.monotonic() + COMPLETE_S
        kept.set()
        await asyncio.sleep(wait_s)


async def delete_old_calls(
    setting: int | None, service: CallService, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Regularly delete calls that are older than the retention in the setting or, without one, in the database."""
    days = await retention_days(setting, service.store)
    while days:
        swept = await sweep_calls(service.store, service.library, clock(), timedelta(days=days))
        if swept.problem:
            log.warning("old calls not deleted", **swept._asdict())
        elif any(swept):
            log.info("old calls deleted", rows=swept.rows, revisions=swept.revisions)
        await asyncio.sleep(SWEEP_CALLS_S)
    if setting is None and service.store.is_durable:
        cure = "set NCCO_RETENTION_DAYS to the number of days to keep calls, or to 0 to keep them all"
        log.warning("calls are never deleted", problem="the database was made by version 0.1", cure=cure)
