"""Background tasks: open the store, and the jobs that count and delete what it contains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from structlog.typing import FilteringBoundLogger

from ncco_server.errors import StoreError, StoreUnusable
from ncco_server.service.call_results import add_up
from ncco_server.service.jobs import JOBS, Job, JobListener, every
from ncco_server.service.retention import sweep_calls
from ncco_server.service.unended_calls import UnendedCalls
from ncco_server.store import Backups, Store, milliseconds
from ncco_server.web.metrics import Metrics
from ncco_server.web.webhook_http import WebhookConfig

if TYPE_CHECKING:  # only a server with an application's key has it
    from ncco_server.vonage.voice_api import VoiceApi

RETRY_S: Final = 1.0
PATIENCE_S: Final = 2.0
"""Startup then goes on without the store, which is tried again."""
COUNT_SHARE: Final = 0.01
"""The time spent on counting: after a slow count, the next one comes later."""
COUNTED_AGE: Final = timedelta(hours=4)
"""Older calls are not counted: their end may never be reported.

Our choice: a call is connected for at most two hours. Source: NCCO reference, Connect (limit).
"""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def first(work: Callable[[], Awaitable[None]], event: asyncio.Event) -> None:
    await work()
    event.set()


async def either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def after(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    await event.wait()
    await work()


@asynccontextmanager
async def opened_store(
    store: Store, log: FilteringBoundLogger, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
) -> AsyncIterator[asyncio.Event]:
    """The event is set as soon as the store is open.

    The server starts even without the store: otherwise, callers would not even hear the failsafe NCCO. Raises
    StoreUnusable if a retry would not help.
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


class Jobs(JobListener):
    """Runs a server's jobs. Logs each problem once, and shows in the metrics since when a job has failed."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._log = log
        self._failing_since = metrics.jobs_failing_since
        self._failing: dict[str, str] = {}

    async def every(self, name: str, job: Job) -> None:
        await every(JOBS[name], job, name, self)

    def began(self, job: str) -> None:
        if job not in self._failing:
            self._failing_since.labels(job).set_to_current_time()

    def ended(self, job: str, problem: str) -> None:
        if not problem:
            self._failing.pop(job, None)
            self._failing_since.labels(job).set(0)
        elif problem != self._failing.get(job):
            self._failing[job] = problem
            self._log.warning("job failed", job=job, problem=problem)


async def count_calls(
    store: Store,
    metrics: Metrics,
    clock: Callable[[], datetime],
    backup_days: int,
    count_s: float = JOBS["count-calls"],
) -> float:
    """Return the seconds until the next count.

    `backup_days` limits the age of the last backup (0: any) or, without one, of the first data.
    """
    begun = time.monotonic()
    async with store.records() as records:
        metrics.open_calls.set(await records.count_open(milliseconds(clock() - COUNTED_AGE)))
    backups = Backups(store.database)
    since = await backups.first_data_at()
    if backup := await backups.last():
        since = backup.made_at
        metrics.last_backup.set(backup.made_at / 1000)
    if since is not None and backup_days:
        metrics.backup_due.set(since / 1000 + timedelta(days=backup_days).total_seconds())
    return max(count_s, (time.monotonic() - begun) / COUNT_SHARE)


class _CallJobs:
    """The jobs for stored calls.

    Calls are deleted only after missed ends have been searched for.
    """

    def __init__(self, config: WebhookConfig, voice: VoiceApi | None, kept: timedelta | None) -> None:
        self._config = config
        self._calls = UnendedCalls(config.calls, voice, kept)
        self._kept = kept
        self._ended = asyncio.Event()

    async def end(self) -> None:
        found = await self._calls.end(self._config.clock())
        self._ended.set()
        if found.problem:
            self._config.log.warning("Vonage not asked about calls", problem=found.problem)
        if found.early or found.known or found.lost:
            self._config.log.info("calls ended", early=found.early, known=found.known, lost=found.lost)

    async def add_up(self) -> None:
        await add_up(self._config.calls.store)

    async def delete(self) -> float | None:
        await self._ended.wait()
        if self._kept is None:
            return None
        service = self._config.calls
        swept = await sweep_calls(service.store, service.library, self._config.clock(), self._kept)
        if swept.rows or swept.revisions:
            self._config.log.info("old calls deleted", rows=swept.rows, revisions=swept.revisions)
        return 0.0 if swept.has_more else None


async def look_after_calls(config: WebhookConfig, voice: VoiceApi | None, jobs: Jobs) -> None:
    of_calls = _CallJobs(config, voice, config.settings.kept_for)
    async with asyncio.TaskGroup() as group:
        for name, job in (
            ("end-calls", of_calls.end),
            ("sum-results", of_calls.add_up),
            ("delete-calls", of_calls.delete),
        ):
            group.create_task(jobs.every(name, job))
