"""A real server whose file cannot be written for a while: it asks for the webhook again, and heals by itself."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.asking import FACTS, LOST, errors, is_answered, post, ready
from tests.faults.served import Served, served
from tests.faults.wire import Answer, Wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as started:
        yield started


@contextmanager
def locked(server: Served) -> Iterator[None]:
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(server.database, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(server: Served) -> Iterator[None]:
    """No file of the server's process may grow: what a full disk and a quota do."""
    log = server.database.with_name(f"{server.database.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (min(size, 4096), before[1]))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def moved(server: Served) -> Iterator[None]:
    """Somebody has moved the file away."""
    away = server.database.with_suffix(".away")
    server.database.rename(away)
    yield
    away.rename(server.database)


@pytest.mark.parametrize("fault", [locked, full, moved])
def test_a_store_that_cannot_be_written_is_asked_again_and_heals(server: Served, fault: Any) -> None:
    before = post(server, "/webhooks/answer")
    with fault(server):
        refused = post(server, "/webhooks/answer")
        event = post(server, "/webhooks/event", status="completed")
        fallback = post(server, "/webhooks/fallback", **LOST)
    after = post(server, "/webhooks/answer")

    assert (200, 503, 503, 200, 200) == tuple(answer.status for answer in (before, refused, event, fallback, after)), (
        refused
    )
    assert ([], [], []) == (errors(before), errors(fallback), errors(after))
    assert b"the store is away" in refused.body
    with closing(sqlite3.connect(server.database)) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()


def test_a_burst_at_a_store_that_is_away_is_asked_again(server: Served) -> None:
    async def burst() -> list[int]:
        async def ask() -> int:
            wire = Wire("127.0.0.1", server.port)
            answer = await wire.post("/webhooks/answer", {**FACTS, "uuid": uuid4().hex})
            wire.close()
            return answer.status

        return await asyncio.gather(*(ask() for _ in range(700)))

    before = post(server, "/webhooks/answer").status
    with locked(server):
        statuses = asyncio.run(burst())

    assert (200, [503] * 700) == (before, statuses)


def test_a_commit_that_takes_a_second_is_waited_for(server: Served) -> None:
    async def ask() -> Answer:
        wire = Wire("127.0.0.1", server.port)
        with closing(sqlite3.connect(server.database, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            asking = asyncio.create_task(wire.post("/webhooks/answer", {**FACTS, "uuid": uuid4().hex}))
            await asyncio.sleep(0.7)
            other.execute("ROLLBACK")
        answer = await asking
        wire.close()
        return answer

    answer = asyncio.run(ask())

    assert (200, []) == (answer.status, errors(answer))


def test_a_damaged_file_is_no_reason_to_say_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        post(server, "/webhooks/answer")
        whole = server.database.read_bytes()
        with server.database.open("r+b") as file:
            file.write(b"\xff" * len(whole))
        broken = [post(server, "/webhooks/answer") for _ in range(5)]
        fallbacks = [post(server, "/webhooks/fallback", **LOST) for _ in range(5)]

    assert {answer.status for answer in broken} <= {200, 503}
    assert [200] * 5 == [answer.status for answer in fallbacks]
    assert [] == [code for answer in fallbacks for code in errors(answer)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_starts_without_its_store_says_the_failsafe_and_takes_it_when_it_comes(
    tmp_path: Path, workers: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "calls.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with served(tmp_path, workers=workers) as server:
            refused = [post(server, "/webhooks/answer").status for _ in range(4)]
            fallback = post(server, "/webhooks/fallback", **LOST)
            unready = ready(server)
            other.execute("ROLLBACK")
            takes_calls = is_answered(server)
            code = server.stop()

    assert ([503] * 4, 200, 503) == (refused, fallback.status, unready)
    assert [] == errors(fallback)
    assert (True, 0) == (takes_calls, code)
