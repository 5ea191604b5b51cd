"""Runs jobs at intervals, in each process of all hosts.

Each transaction must be right even if another process has done the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from ncco_server.errors import AppError

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
