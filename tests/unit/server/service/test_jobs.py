"""Jobs run at intervals whatever happens; jobs with a lease run in one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.service.jobs import JobListener, every, hold
from ncco_server.store import LeaseRow, Leases, SqliteDatabase, Store
from tests.support.cases import each_case
from tests.support.postgres_stores import make_postgres
from tests.unit.server.service.outbox_kit import until

BEAT_S = 0.3
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


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with (
        make_postgres() if request.param == "postgres" else Store(SqliteDatabase(tmp_path / "calls.db")) as store
    ):
        yield store


class Broken(Leases):
    """The leases for a host that cannot reach its database or is paused until the test ends that."""

    is_away = False
    reached: asyncio.Event

    async def get(self, name: str) -> LeaseRow:
        if self.is_away:
            raise StoreUnavailable("it is away")
        return await super().get(name)


class Host:
    """A host that tries to hold a lease."""

    def __init__(self, store: Store, running: list[Host]) -> None:
        self.leases = Broken(store.database)
        self.heard = Heard()
        self._running = running
        self.most = 0
        self.task = asyncio.create_task(hold(self.leases, "calls", self._work, self.heard, beat_s=BEAT_S))

    async def _work(self) -> None:
        self._running.append(self)
        try:
            self.most = max(self.most, len(self._running))
            await asyncio.Event().wait()
        finally:
            self._running.remove(self)


async def test_one_host_works_at_a_time_and_another_takes_over_when_it_ends(store: Store) -> None:
    running: list[Host] = []
    hosts = [Host(store, running) for _ in range(3)]
    for _ in range(3):
        await until(lambda: len(running) == 1)
        (host,) = running
        await end(host.task)

    assert [] == running
    assert 1 == max(host.most for host in hosts)
    assert "" == (await hosts[0].leases.get("calls")).holder


async def test_a_host_without_its_database_stops_before_another_one_begins(store: Store) -> None:
    running: list[Host] = []
    hosts = [Host(store, running) for _ in range(2)]
    await until(lambda: len(running) == 1)
    (first,) = running
    first.leases.is_away = True
    await until(lambda: running not in ([first], []))
    await asyncio.gather(*(end(host.task) for host in hosts))

    assert 1 == max(host.most for host in hosts)
    assert "it is away" in first.heard.events


async def test_one_failed_renewal_does_not_stop_the_work(store: Store) -> None:
    running: list[Host] = []
    host = Host(store, running)
    await until(lambda: len(running) == 1)
    host.leases.is_away = True
    await until(lambda: "it is away" in host.heard.events)
    host.leases.is_away = False
    renewed = len(host.heard.events) + 4
    await until(lambda: len(host.heard.events) > renewed)
    still = [*running]
    await end(host.task)

    assert ([host], 1) == (still, host.most)


async def test_a_lease_that_was_taken_over_stops_the_work(store: Store) -> None:
    """As for a host that was paused for longer than its lease."""
    running: list[Host] = []
    host = Host(store, running)
    await until(lambda: len(running) == 1)
    leases = Leases(store.database)
    async with asyncio.timeout(WITHIN_S):
        while not await leases.change("calls", "another host", await leases.get("calls")):
            pass
    await until(lambda: not running)
    taken = await leases.get("calls")
    await end(host.task)

    assert "another host" == taken.holder


async def test_failed_work_starts_again(store: Store) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise StoreUnavailable("it is locked")
        await asyncio.Event().wait()

    heard = Heard()
    task = asyncio.create_task(hold(Leases(store.database), "calls", work, heard, beat_s=BEAT_S))
    await until(lambda: begun == 3)
    await end(task)

    assert "it is locked" in heard.events


async def test_leases_have_different_holders(store: Store) -> None:
    leases = Leases(store.database)
    free = LeaseRow()

    assert [True, False, True] == [await leases.change(name, "a", free) for name in ("calls", "calls", "recordings")]
    assert LeaseRow("a", 1) == await leases.get("calls")
    assert [False, True] == [await leases.change("calls", "b", seen) for seen in (free, LeaseRow("a", 1))]
    assert LeaseRow("b", 2) == await leases.get("calls")
