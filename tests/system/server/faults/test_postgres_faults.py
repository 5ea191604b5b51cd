"""A real server whose PostgreSQL is down, full, locked or refuses it: it asks for webhooks again and recovers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.support import postgres_server
from tests.support.cases import each_case
from tests.support.postgres_server import Server
from tests.system.server.faults.asking import LOST, becomes_unready, errors, is_answered, is_ready, post
from tests.system.server.faults.served import Served, served

CONNECTIONS = 16
"""PostgreSQL's connection limit here; three are reserved for superusers, and the tested server's role is not one."""
ENDED = "pg_terminate_backend(pid, 30000)"
"""Ends a connection and waits until it is gone."""
ROLE, PASSWORD = postgres_server.GUARDED, "right"


@dataclass(slots=True)
class Line:
    """A server with a PostgreSQL database."""

    postgres: Server
    database: str
    server: Served

    def end_connections(self) -> None:
        """End all connections to the database, as an administrator or a failover does."""
        self.postgres.ask(
            f"SELECT {ENDED} FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            self.database,
        )

    def alter(self, what: str) -> None:
        """Change the database's settings, for new connections."""
        self.postgres.ask(f"ALTER DATABASE {self.database} {what}")
        self.end_connections()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    reason = postgres_server.why_not()
    if reason:
        pytest.skip(reason)
    own = Server()
    with (own.home / "data" / "postgresql.conf").open("a") as settings:
        settings.write(f"\nmax_connections = {CONNECTIONS}\n")
    try:
        own.start()
        own.ask(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        yield own
    finally:
        own.remove()


@contextmanager
def line_of(postgres: Server, folder: Path, database: str) -> Iterator[Line]:
    url = postgres.url(database, f"{ROLE}:{PASSWORD}")
    key = "invented-key-of-the-line-for-tests-only"
    with served(folder, NCCO_DATABASE_URL=url, NCCO_KEY=key) as server:
        yield Line(postgres, database, server)


@pytest.fixture(scope="module")
def line(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    database = postgres.new_database()
    postgres.ask(f"ALTER DATABASE {database} OWNER TO {ROLE}")
    with line_of(postgres, tmp_path_factory.mktemp("line"), database) as made:
        yield made


@contextmanager
def stopped(line: Line) -> Iterator[None]:
    """Stop PostgreSQL for a while."""
    line.postgres.stop()
    yield
    line.postgres.start()


@contextmanager
def frozen(line: Line) -> Iterator[None]:
    """Freeze PostgreSQL with all its processes: connections stay open, but nothing comes back."""
    with line.postgres.frozen():
        yield


@contextmanager
def read_only(line: Line) -> Iterator[None]:
    """Make the database read-only, like a standby after a failover."""
    line.alter("SET default_transaction_read_only = on")
    yield
    line.postgres.ask(f"ALTER DATABASE {line.database} RESET default_transaction_read_only")


@contextmanager
def renamed(line: Line) -> Iterator[None]:
    """Rename the database for a while."""
    line.alter(f"WITH CONNECTION LIMIT {CONNECTIONS}")
    rename_when_alone(line, line.database, "elsewhere")
    yield
    rename_when_alone(line, "elsewhere", line.database)


def rename_when_alone(line: Line, name: str, other: str) -> None:
    """Rename a database. PostgreSQL requires that nobody is connected, but the server reconnects all the time."""
    line.postgres.ask(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    line.end_connections()
    until = time.monotonic() + 30
    while True:
        try:
            line.postgres.ask(f"ALTER DATABASE {name} RENAME TO {other}")
            break
        except asyncpg.ObjectInUseError:
            assert time.monotonic() < until
            time.sleep(0.05)
    line.postgres.ask(f"ALTER DATABASE {other} WITH ALLOW_CONNECTIONS true")


@contextmanager
def another_password(line: Line) -> Iterator[None]:
    """Change the password for a while, without the server knowing."""
    line.postgres.ask(f"ALTER ROLE {ROLE} PASSWORD 'another'")
    line.end_connections()
    yield
    line.postgres.ask(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")


@contextmanager
def too_many_connections(line: Line) -> Iterator[None]:
    """Take all of PostgreSQL's connections for a while."""
    are_taken, is_over = threading.Event(), threading.Event()

    async def take() -> None:
        url, ended = line.postgres.url("postgres"), f"SELECT {ENDED} FROM pg_stat_activity WHERE datname = $1"
        held = [await asyncpg.connect(url)]
        while len(held) < CONNECTIONS - 1:  # the last one is reserved for a superuser
            try:
                held.append(await asyncpg.connect(url))
            except asyncpg.TooManyConnectionsError:  # the server holds the others, and reconnects
                await held[0].execute(ended, line.database)
        await held[0].execute(ended, line.database)
        are_taken.set()
        await asyncio.to_thread(is_over.wait)
        for one in held:
            await one.close()

    thread = threading.Thread(target=lambda: asyncio.run(take()))
    thread.start()
    assert are_taken.wait(30)
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextmanager
def locked(line: Line) -> Iterator[None]:
    """Lock what every webhook writes to for a while, in another transaction."""
    with line.postgres.locked(line.database, "webhooks", "probes"):
        yield


Fault = Callable[[Line], AbstractContextManager[None]]
FAULTS: tuple[Fault, ...] = (*(stopped, frozen, read_only, renamed, another_password, too_many_connections, locked),)


@each_case("fault", FAULTS)
def test_the_server_recovers_after_a_database_failure(line: Line, fault: Fault) -> None:
    before = post(line.server, "/webhooks/answer")
    with fault(line):
        refused = post(line.server, "/webhooks/answer")
        event = post(line.server, "/webhooks/event", status="completed")
        fallback = post(line.server, "/webhooks/fallback", **LOST)
        is_unready = becomes_unready(line.server)
    heals = is_answered(line.server), is_ready(line.server)

    assert (200, 503, 200) == tuple(answer.status for answer in (before, event, fallback))
    assert (False, True, True) == tuple(answer.is_unstored for answer in (before, refused, event))
    assert is_unready
    assert ([], []) == (errors(before), errors(fallback))
    assert (True, True) == heals


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a small disk can be made by root alone")
def test_the_server_recovers_after_a_full_disk_of_the_database(postgres: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(postgres.home / "small"))
        postgres.ask(f"CREATE TABLESPACE small LOCATION '{disk}'")
        stack.callback(postgres.ask, "DROP TABLESPACE small")
        postgres.ask(f"CREATE DATABASE little OWNER {ROLE} TABLESPACE small")
        stack.callback(postgres.ask, "DROP DATABASE little")
        line = stack.enter_context(line_of(postgres, tmp_path, "little"))
        before = post(line.server, "/webhooks/answer")
        fill(disk / "filler")
        during = [post(line.server, "/webhooks/answer", custom_data="x" * 6_000) for _ in range(40)]
        fallback = post(line.server, "/webhooks/fallback", **LOST)
        (disk / "filler").unlink()
        heals = is_answered(line.server), is_ready(line.server)

    assert 200 == before.status
    assert {200, 503} >= {answer.status for answer in during}
    assert [True] * 8 == [answer.is_unstored for answer in during[-8:]]
    assert (200, []) == (fallback.status, errors(fallback))
    assert (True, True) == heals


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system for PostgreSQL only."""
    folder.mkdir()
    owner = folder.parent.stat()
    options = f"size=24m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file: Path) -> None:
    """Fill a disk completely."""
    with pytest.raises(OSError, match="No space left"), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


def test_timeouts_configured_in_the_database_do_not_affect_the_server(line: Line) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for name in names:
        line.postgres.ask(f"ALTER DATABASE {line.database} SET {name} = '1ms'")
    line.end_connections()
    statuses = [post(line.server, "/webhooks/answer").status for _ in range(6)]
    is_still_ready = is_ready(line.server)
    for name in names:
        line.postgres.ask(f"ALTER DATABASE {line.database} RESET {name}")

    assert ([200] * 4, True) == (statuses[2:], is_still_ready)
    assert {200, 503} >= {*statuses}


def test_constantly_closed_connections_lose_nothing_that_was_acknowledged(line: Line) -> None:
    is_over = threading.Event()

    def end_again_and_again() -> None:
        while not is_over.wait(0.15):
            line.end_connections()

    thread = threading.Thread(target=end_again_and_again)
    thread.start()
    answers = {f"leg-{number}": post(line.server, "/webhooks/answer", uuid=f"leg-{number}") for number in range(60)}
    is_over.set()
    thread.join()
    heals = is_answered(line.server), is_ready(line.server)
    kept = {leg for (leg,) in line.postgres.ask("SELECT leg FROM calls", database=line.database)}
    acknowledged = {leg for leg, answer in answers.items() if answer.status == 200 and not answer.is_unstored}

    assert {200, 503} >= Counter(answer.status for answer in answers.values()).keys()
    assert 20 < len(acknowledged)
    assert set() == acknowledged - kept
    assert (True, True) == heals
