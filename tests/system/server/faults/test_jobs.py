"""Hosts that are killed and paused look after one database: each call gets its result, counts once and is deleted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from ncco_server.store import Store, milliseconds, open_store
from tests.support.fork_server import Forked
from tests.support.postgres_stores import empty_database
from tests.support.stored_rows import end_call, new_call, webhook_row
from tests.system.server.faults import job_process

MINUTES = (0.0, 10.0, -10.0)
"""How far each host's clock is ahead."""
OLD, NEW = 100, 150
FAULTS = 10
WITHIN_S = 240.0


class Host:
    """A process that looks after the calls, and may not be running."""

    def __init__(self, url: str, minutes: float, folder: Path) -> None:
        self._command = [job_process.__file__, url, str(minutes)]
        self._printed = folder / f"host-{minutes}"
        self.process = self._started()

    def _started(self) -> Forked:
        with self._printed.open("ab") as printed:
            return Forked(self._command, stdout=printed, stderr=printed)

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        self.kill()
        self.process = self._started()


@contextmanager
def hosts(url: str, count: int, folder: Path) -> Iterator[list[Host]]:
    with ExitStack() as stack:
        started = []
        for minutes in MINUTES[:count]:
            started.append(host := Host(url, minutes, folder))
            stack.callback(host.kill)
        yield started


@pytest.fixture
def url(database: str, tmp_path: Path) -> str:
    return empty_database() if database == "postgres" else f"sqlite:///{tmp_path}/calls.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Ended calls, some of which are too old to keep."""
    async with open_store(url) as store:
        await add_calls(store, "old", OLD, timedelta(days=60))
        await add_calls(store, "new", NEW, timedelta(days=1))
        yield store


async def add_calls(store: Store, name: str, count: int, age: timedelta) -> None:
    at = milliseconds(datetime.now(UTC) - age)
    legs = [f"{name}-{number}" for number in range(count)]
    await asyncio.gather(*(store.open_call(*new_call(leg, created_at=at, updated_at=at)) for leg in legs))
    ends = (end_call(store, leg, webhook_row(leg, status="completed", received_at=at)) for leg in legs)
    await asyncio.gather(*ends)


async def counted(store: Store) -> tuple[int, int]:
    """How many calls have results, and how many the sums contain."""
    async with store.records() as records:
        rows = await records.results_between(0, 1 << 50)
        sums = await records.result_sums(0, 1 << 50)
        return len(rows), sum(each.calls for each in sums)


async def until(store: Store, claim: Callable[[tuple[int, int]], bool]) -> tuple[int, int]:
    """The counts once the claim is true, or at the end."""
    found = await counted(store)
    try:
        async with asyncio.timeout(WITHIN_S):
            while not claim(found):
                await asyncio.sleep(0.1)
                found = await counted(store)
    except TimeoutError:
        pass
    return found


@pytest.mark.parametrize(("database", "count"), [("sqlite", 2), ("postgres", 3)])
async def test_hosts_that_are_killed_and_paused_do_everything_once(
    url: str, store: Store, tmp_path: Path, count: int
) -> None:
    chance = Random(count)  # noqa: S311 - the same faults in each run
    with hosts(url, count, tmp_path) as started:
        for _ in range(FAULTS):
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            host = chance.choice(started)
            match chance.choice(["kill", "pause", "go on"]):
                case "kill":
                    host.start_again()
                case "pause":
                    host.process.send_signal(signal.SIGSTOP)
                case "go on":
                    host.process.send_signal(signal.SIGCONT)
        for host in started:
            host.process.send_signal(signal.SIGCONT)
        done = await until(store, lambda found: found == (NEW, OLD + NEW))
        for host in started[1:]:
            host.process.send_signal(signal.SIGSTOP)
        await add_calls(store, "last", 1, timedelta(days=1))
        by_the_last_host = await until(store, lambda found: found == (NEW + 1, OLD + NEW + 1))
        printed = [host.printed for host in started]

    assert (NEW, OLD + NEW) == done, printed
    assert (NEW + 1, OLD + NEW + 1) == by_the_last_host, printed
    assert {""} == {*printed}
