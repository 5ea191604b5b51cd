"""Runs jobs at intervals: `every` in each process, `hold` in one process of all hosts.

A lease protects no data (docs/decisions.md): each transaction must be right even if another process has done the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from secrets import token_hex
from types import MappingProxyType
from typing import Final, TypeAlias

from ncco_server.errors import AppError
from ncco_server.store import LeaseRow, Leases

BEAT_S: Final = 5.0
"""Between renewals of a lease, and between reads by other processes."""
SILENT_BEATS: Final = 4
"""A lease without a renewal is free after 30 seconds at most."""
FAILED_BEATS: Final = 2
"""A process then stops its work, before another process takes the lease."""

JOBS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "probe-store": 2.0,
        "watch-flows": 0.5,
        "save-flows": 600.0,
        "count-calls": 15.0,  # as often as Prometheus usually scrapes
        "check-recordings": 600.0,
        "end-calls": 60.0,
        "sum-results": 5.0,
        "delete-calls": 600.0,
        "remove-recordings": 60.0,
    }
)
"""A server's jobs, with the seconds between their runs."""

Job: TypeAlias = Callable[[], Awaitable[float | None]]
"""Returns the seconds until the next run, or None for its interval."""


class JobListener:
    """Events for the log and the metrics, ignored by default. Methods must not raise."""

    def began(self, job: str) -> None: ...

    def ended(self, job: str, problem: str) -> None:
        """Also called when the job will not run again; `problem` is "" after a success."""


async def every(seconds: float, job: Job, name: str, listener: JobListener) -> None:
    """Run until cancelled, with pauses after runs, even failed ones."""
    task = asyncio.current_task()
    try:
        while True:
            problem = ""
            asked_s: float | None = None
            listener.began(name)
            try:
                asked_s = await job()
            except asyncio.CancelledError:
                if task is None or task.cancelling():
                    raise
                problem = "what it waited for was cancelled"
            except (AppError, OSError) as error:
                problem = str(error) or type(error).__name__
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the job for good
                problem = f"{type(error).__name__}: {error}"
            listener.ended(name, problem)
            await asyncio.sleep(seconds if asked_s is None else asked_s)
    finally:
        listener.ended(name, "")


async def hold(
    leases: Leases, name: str, work: Callable[[], Awaitable[None]], listener: JobListener, *, beat_s: float = BEAT_S
) -> None:
    """Try to hold a lease until cancelled, running `work`, which never ends, meanwhile."""
    lease = _LeaseHolder(leases, name, work, beat_s / 2)
    try:
        await every(beat_s, lease.beat, f"lease-{name}", listener)
    finally:
        await lease.release()


class _LeaseHolder:
    """A lease that this process holds or wants.

    If the database does not answer, the work stops in `FAILED_BEATS * (2 * limit_s + limit_s)` seconds; others wait for
    `SILENT_BEATS * 2 * limit_s`. `limit_s` limits a renewal.
    """

    def __init__(self, leases: Leases, name: str, work: Callable[[], Awaitable[None]], limit_s: float) -> None:
        self._leases = leases
        self._name = name
        self._work = work
        self._limit_s = limit_s
        self._holder = token_hex(8)
        self._running: asyncio.Task[None] | None = None
        self._seen = LeaseRow()
        self._silent = 0
        self._failed = 0

    async def beat(self) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                is_held = await self._take()
        except Exception:
            self._failed += 1
            if self._failed >= FAILED_BEATS:
                await self._stop()
            raise
        self._failed = 0
        if not is_held:
            await self._stop()
        elif self._running is None:
            self._running = asyncio.ensure_future(self._work())
        elif self._running.done():
            ended, self._running = self._running, None
            await ended

    async def _take(self) -> bool:
        row = await self._leases.get(self._name)
        self._silent = self._silent + 1 if row == self._seen else 0
        self._seen = row
        is_free = row.holder in ("", self._holder) or self._silent >= SILENT_BEATS
        return is_free and await self._leases.change(self._name, self._holder, row)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def release(self) -> None:
        await self._stop()
        with suppress(Exception):  # another process takes it a little later
            async with asyncio.timeout(self._limit_s):
                row = await self._leases.get(self._name)
                if row.holder == self._holder:
                    await self._leases.change(self._name, "", row)
