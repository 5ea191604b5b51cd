"""A real server that cannot write its database file for a while: it asks for webhooks again and recovers by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.support import loopback
from tests.support.fork_server import NCCO, PIPE, Forked
from tests.support.server import Server
from tests.support.waiting import happens
from tests.system.server.faults.asking import FACTS, LOST, becomes_unready, errors, is_answered, post, post_again
from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Answer, Wire

DESK: Final = """\
flow: desk
numbers: ["442079460000"]
start: menu
defaults: {on: {error: person}}
steps:
  menu:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: person}}
    retry: {then: person}
  person:
    do: [{connect: "447700900333"}]
    on: {completed: end, otherwise: end}
"""
HEALS_S: Final = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as started:
        yield started


@contextmanager
def locked(server: Served) -> Iterator[None]:
    """Keep a write transaction open in another process."""
    with closing(sqlite3.connect(server.database, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(server: Served) -> Iterator[None]:
    """Stop all files of the server's process from growing, as a full disk or a quota does."""
    log = server.database.with_name(f"{server.database.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (min(size, 4096), before[1]))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def moved(server: Served) -> Iterator[None]:
    """Move the database file away for a while."""
    away = server.database.with_suffix(".away")
    server.database.rename(away)
    yield
    away.rename(server.database)


def asked(server: Server) -> httpx.Response:
    """The reply to the answer webhook of a new call."""
    return loopback.post(f"{server.url}/webhooks/answer", json={**FACTS, "uuid": uuid4().hex})


@pytest.mark.parametrize("fault", [locked, full, moved])
def test_the_server_recovers_when_its_store_can_be_written_again(server: Served, fault: Any) -> None:
    before = post(server, "/webhooks/answer")
    with fault(server):
        refused = post(server, "/webhooks/answer")
        event = post(server, "/webhooks/event", status="completed")
        fallback = post(server, "/webhooks/fallback", **LOST)
    after = post_again(server, "/webhooks/answer")

    assert (200, 503, 200, 200) == tuple(answer.status for answer in (before, event, fallback, after))
    assert (False, True, True, False) == tuple(each.is_unstored for each in (before, refused, event, after))
    assert ([], [], []) == (errors(before), errors(fallback), errors(after))
    with closing(sqlite3.connect(server.database)) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()


def test_an_unavailable_store_delays_no_caller_and_callers_still_reach_a_person(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(DESK)
    with Server(tmp_path, {}) as server:
        before, unready = asked(server), server.readiness()
        (tmp_path / "calls.db").unlink()
        assert happens(lambda: asked(server).status_code != httpx.codes.SERVICE_UNAVAILABLE, HEALS_S)
        begun = time.monotonic()
        answers = [asked(server).json() for _ in range(10)]
        seconds = time.monotonic() - begun
        readyz = server.readiness()

    person = [{"action": "connect", "from": "442079460000", "endpoint": [{"type": "phone", "number": "447700900333"}]}]
    assert ("talk", 200) == (before.json()[0]["action"], unready)
    assert ([person] * 10, 503) == (answers, readyz)
    assert seconds < HEALS_S


def test_a_burst_while_the_store_is_unavailable_is_refused_and_may_be_repeated(server: Served) -> None:
    legs = [uuid4().hex for _ in range(700)]

    async def burst() -> list[Answer]:
        async def ask(leg: str) -> Answer:
            wire = Wire("127.0.0.1", server.port)
            answer = await wire.post("/webhooks/answer", {**FACTS, "uuid": leg})
            wire.close()
            return answer

        return await asyncio.gather(*map(ask, legs))

    before = post(server, "/webhooks/answer").is_unstored
    with locked(server):
        answers = asyncio.run(burst())
    again = post_again(server, "/webhooks/answer", uuid=legs[0])

    assert (False, [503] * 700) == (before, [answer.status for answer in answers])
    assert {"no-store", "late"} >= {answer.failure for answer in answers}  # late: a busy machine never got to the store
    assert (200, [], "") == (again.status, errors(again), again.failure)


def test_the_server_waits_for_a_commit_of_one_second(server: Served) -> None:
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


def test_callers_still_hear_something_with_a_damaged_file(tmp_path: Path) -> None:
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


def test_a_server_that_starts_without_its_store_plays_the_failsafe_until_the_store_is_back(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "calls.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with served(tmp_path) as server:
            refused = [post(server, "/webhooks/answer").is_unstored for _ in range(4)]
            fallback = post(server, "/webhooks/fallback", **LOST)
            is_unready = becomes_unready(server)
            other.execute("ROLLBACK")
            takes_calls = is_answered(server)
            code = server.stop()

    assert ([True] * 4, 200, True) == (refused, fallback.status, is_unready)
    assert [] == errors(fallback)
    assert (True, 0) == (takes_calls, code)


def deleted(database: Path) -> None:
    """Delete the database file."""
    database.unlink()


def replaced(database: Path) -> None:
    """Put another file under the database's name, as when a backup is restored while the server runs."""
    copy = database.with_suffix(".copy")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.rename(database)


def without_log(database: Path) -> None:
    """Delete the WAL file, which contains the latest writes, as somebody cleaning up might."""
    database.with_name(f"{database.name}-wal").unlink()


@pytest.mark.parametrize(("damage", "keeps_calls"), [(deleted, False), (replaced, True), (without_log, True)])
def test_a_store_that_would_lose_writes_accepts_none_until_a_restart(
    tmp_path: Path, damage: Callable[[Path], None], keeps_calls: bool
) -> None:
    with served(tmp_path) as server:
        before = post(server, "/webhooks/answer", uuid="leg-1")
        damage(server.database)
        refused = [post(server, path, uuid="leg-2").is_unstored for path in ("/webhooks/answer", "/webhooks/event")]
        fallback = post(server, "/webhooks/fallback", **LOST)
        is_unready = becomes_unready(server)
        code = server.stop()
    if not keeps_calls:  # otherwise the next server would wait for the database that this WAL file belongs to
        server.database.with_name(f"{server.database.name}-wal").unlink()
    with served(tmp_path) as server:
        again = post(server, "/webhooks/answer", uuid="leg-1")
        code_again = server.stop()
    with closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
        calls = connection.execute("SELECT leg, (SELECT count(*) FROM webhooks) FROM calls").fetchall()
        whole = connection.execute("PRAGMA integrity_check").fetchone()

    assert (200, [True, True], 200, True) == (before.status, refused, fallback.status, is_unready)
    assert [] == errors(fallback)
    assert (0, 0, ("ok",)) == (code, code_again, whole)
    assert (200, before.ncco[0]) == (again.status, again.ncco[0])
    assert [("leg-1", 2 if keeps_calls else 1)] == calls


def _reader_of(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM calls").fetchall()
    return connection


def test_a_server_without_the_database_of_its_log_keeps_the_log_and_answers_calls_once_it_is_back(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as server, closing(_reader_of(server.database)):  # so the server cannot empty its log
        before = [post(server, "/webhooks/answer", uuid=f"leg-{number}") for number in range(20)]
        server.end()
    database, log = server.database, server.database.with_name(f"{server.database.name}-wal")
    away, written = database.rename(database.with_name("away.db")), log.read_bytes()
    with served(tmp_path) as server:
        url = {"NCCO_DATABASE_URL": f"sqlite:///{database}", "PATH": os.environ["PATH"]}
        run = partial(Forked, env=url, cwd=tmp_path, stdout=PIPE, stderr=PIPE, text=True)
        commands = [run([NCCO, *words]) for words in (("db", "upgrade"), ("db", "status"), ("doctor", "--offline"))]
        printed = [" ".join("".join(command.communicate()).split()) for command in commands]
        refused = post(server, "/webhooks/answer", uuid="leg-0")
        fallback = post(server, "/webhooks/fallback", **LOST)
        kept = log.read_bytes()
        away.rename(database)
        after = [post_again(server, "/webhooks/answer", uuid=f"leg-{number}") for number in range(20)]
        code = server.stop()

    assert [2, 2, 1] == [command.returncode for command in commands], printed
    for text in printed:
        assert "calls.db-wal contains calls of a database that is not next to it" in text
        assert "restore its database as calls.db" in text
    assert (True, 200, []) == (refused.is_unstored, fallback.status, errors(fallback))
    assert written
    assert (written, 0) == (kept, code)
    assert [answer.ncco for answer in before] == [answer.ncco for answer in after]


@contextmanager
def volume(folder: Path) -> Iterator[Callable[[], None]]:
    """Mount a volume in `folder`. Yields a function that mounts it again. Skips the test if mounting is not allowed."""
    disk = folder.with_name("disk")
    disk.mkdir()
    folder.mkdir()

    def mount() -> None:
        made = subprocess.run(["mount", "--bind", disk, folder], check=False, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"nothing can be mounted here: {made.stderr.strip()}")

    mount()
    yield mount
    subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
def test_a_volume_that_disappears_and_returns_needs_no_restart(tmp_path: Path) -> None:
    with volume(tmp_path / "volume") as mount, served(tmp_path / "volume") as server:
        before = post(server, "/webhooks/answer", uuid="leg-1")
        subprocess.run(["umount", "-l", tmp_path / "volume"], check=True)
        refused = [post(server, "/webhooks/answer").is_unstored for _ in range(3)]
        fallback = post(server, "/webhooks/fallback", **LOST)
        is_unready = becomes_unready(server)
        mount()
        after = post_again(server, "/webhooks/answer", uuid="leg-1")
        takes_calls = is_answered(server)

    assert (200, [True] * 3, 200, True) == (before.status, refused, fallback.status, is_unready)
    assert [] == errors(fallback)
    assert (before.body, True) == (after.body, takes_calls)
