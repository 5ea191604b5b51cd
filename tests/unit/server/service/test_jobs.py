"""Jobs run at intervals whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ncco_server.errors import StoreUnavailable
from ncco_server.service.jobs import JobListener, every
from tests.support.cases import each_case
from tests.unit.server.service.outbox_kit import until

WITHIN_S = 60.0


class Heard(JobListener):
    def __init__(self) -> None:
        self.events: list[str | None] = []

    def began(self, job: str) -> None:
        self.events.append(None)

    def ended(self, job: str, problem: str) -> None:
        self.events.append(problem)


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        async with asyncio.timeout(WITHIN_S):
            await task


@each_case(
    ("error", "problem"),
    [
        (StoreUnavailable("it is locked"), "it is locked"),
        (OSError("the disk is full"), "the disk is full"),
        (KeyError("x"), "KeyError: 'x'"),
        (asyncio.CancelledError(), "what it waited for was cancelled"),
        (TimeoutError(), ""),
    ],
)
async def test_a_job_that_raises_runs_again(error: BaseException, problem: str) -> None:
    heard = Heard()
    runs = 0

    async def job() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise error

    task = asyncio.create_task(every(0.001, job, "job", heard))
    await until(lambda: runs > 3)
    await end(task)

    assert [None, "", None, problem or "TimeoutError", None, ""] == heard.events[:6]
    assert "" == heard.events[-1]


async def test_a_job_returns_when_it_runs_again() -> None:
    runs = 0

    async def job() -> float | None:
        nonlocal runs
        runs += 1
        return 0.0 if runs < 3 else None

    task = asyncio.create_task(every(1e9, job, "job", JobListener()))
    await until(lambda: runs == 3)
    await end(task)


async def test_a_job_that_takes_longer_than_its_interval_never_runs_twice_at_once() -> None:
    running, most, runs = 0, 0, 0

    async def job() -> None:
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        runs += 1

    task = asyncio.create_task(every(0.001, job, "job", JobListener()))
    await until(lambda: runs == 5)
    await end(task)

    assert 1 == most
