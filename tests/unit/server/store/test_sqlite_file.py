"""A SQLite file: its place, permissions and content, and what happens if it cannot be used."""

# ruff: noqa: ASYNC240 - nothing else runs in the loops of these tests
from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ncco_server.errors import StoreUnavailable, StoreUnusable
from ncco_server.store import SqliteDatabase, Store, open_store
from ncco_server.store.migrations import ADDITIONS, KNOWN
from ncco_server.store.records import COUNT_OPEN
from ncco_server.store.sqlite_file import CHECKED_BYTES
from tests.support.cases import each_case
from tests.support.stored_rows import new_call, rows_of, session_row
from tests.unit.server.store.held_writes import WHAT_CALLS_HAVE, start, waits_in_sqlite

NEWEST = ADDITIONS["sqlite"][-1].version


def refusal(path: Path) -> StoreUnusable:
    """Why a store on `path` does not open."""
    with pytest.raises(StoreUnusable) as refused:
        asyncio.run(Store(SqliteDatabase(path, open_wait_ms=100)).open())
    return refused.value


def absence(path: Path) -> StoreUnavailable:
    """Why a store on `path` does not open now but may later."""
    with pytest.raises(StoreUnavailable) as absent:
        asyncio.run(Store(SqliteDatabase(path, open_wait_ms=100)).open())
    return absent.value


def make(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def make_calls(path: Path, count: int, size: int = 900) -> None:
    async def run() -> None:
        store = open_store(f"sqlite:///{path}")
        await store.open()
        for number in range(count):
            await store.open_call(*new_call(f"leg-{number}", state=b"s" * size))
        await store.close()

    asyncio.run(run())


async def store_with_a_call(path: Path, busy_ms: int = 300) -> Store:
    """A store that holds no lock yet because it was just opened."""
    store = Store(SqliteDatabase(path, busy_ms=busy_ms))
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.close()
    await store.open()
    return store


# Places and permissions


@each_case("name", ["var/lib/calls.db", "a b?c#d%20e.db", "é日.db", "it's.db", "x&mode=ro"])
def test_any_name_is_taken_literally_and_missing_folders_are_created(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    asyncio.run(opened_and_closed(SqliteDatabase(path)))

    assert [(NEWEST,)] == rows_of(path, "SELECT version_num FROM ncco_additions")
    assert [path.name] == [entry.name for entry in path.parent.iterdir()]


async def opened_and_closed(database: SqliteDatabase) -> None:
    await database.open()
    await database.close()


async def test_working_directory_may_change_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///calls.db")
    await store.open()
    monkeypatch.chdir("/")
    await store.open_call(*new_call("leg-0"))

    assert session_row("leg-0") == await store.load("leg-0")

    await store.close()
    assert [("leg-0",)] == rows_of(tmp_path / "calls.db", "SELECT id FROM calls")


async def test_new_files_are_accessible_only_to_their_owner(path: Path) -> None:
    mask = os.umask(0o022)
    try:
        store = await store_with_a_call(path)
        await store.open_call(*new_call("leg-2"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        await store.close()
    finally:
        os.umask(mask)

    assert {"calls.db": 0o600, "calls.db-wal": 0o600, "calls.db-shm": 0o600} == modes


async def test_permissions_of_an_existing_file_are_not_changed(path: Path) -> None:
    path.touch()
    path.chmod(0o640)
    await (await store_with_a_call(path)).close()

    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


def test_a_folder_below_a_file_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = refusal(tmp_path / "file" / "below" / "calls.db")

    assert "cannot be reached" in str(refused)
    assert "create the folder, writable by the user" in refused.cure


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_path_that_is_not_a_file_is_not_a_database(path: Path, kind: int) -> None:
    path.mkdir() if kind == stat.S_IFDIR else os.mknod(path, kind | 0o600)
    refused = refusal(path)

    assert "is a folder" in str(refused) or "is a device or a pipe" in str(refused)
    assert "name a file in NCCO_DATABASE_URL" in refused.cure


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that everyone may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run as `nobody` if the tests run as root, because root may do everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(user)


@pytest.mark.parametrize(
    ("expected", "name"), [("cannot be opened", "calls.db"), ("cannot be reached", "new/calls.db")]
)
def test_a_folder_without_write_permission_is_refused(public_folder: Path, expected: str, name: str) -> None:
    public_folder.chmod(0o555)
    with without_privileges():
        refused = refusal(public_folder / name)

    assert expected in str(refused)
    assert "the user who runs the server" in refused.cure


@pytest.mark.parametrize(("expected", "mode"), [("cannot be written", 0o444), ("cannot be opened", 0o000)])
def test_a_file_without_write_permission_is_refused(public_folder: Path, expected: str, mode: int) -> None:
    path = public_folder / "calls.db"
    make_calls(path, 1)
    path.chmod(mode)
    public_folder.chmod(0o777)
    with without_privileges():
        refused = refusal(path)

    assert expected in str(refused)
    assert "permission to write to the file and its folder" in refused.cure


# What is in the file


def test_empty_file_is_a_new_store(path: Path) -> None:
    path.touch()
    make_calls(path, 1)

    assert [("leg-0",)] == rows_of(path, "SELECT id FROM calls")


def test_a_text_file_is_not_a_database(path: Path) -> None:
    path.write_text("flow: acme\n" * 500)

    assert "is not a SQLite database" in str(refusal(path))
    assert "flow: acme\n" * 500 == path.read_text()


@pytest.mark.parametrize(("first_page", "pages"), [(20, 10), (20, 1), (1, 1), (40, 0)])
def test_damaged_file_is_refused(path: Path, first_page: int, pages: int) -> None:
    make_calls(path, 100)
    with path.open("r+b") as file:
        file.seek(first_page * 4096)
        file.write(b"\xff" * 4096 * pages)
        if not pages:
            file.truncate()
    refused = refusal(path)

    assert "is damaged" in str(refused)
    assert "restore a backup" in refused.cure


def test_a_large_file_is_not_read_completely(path: Path) -> None:
    make_calls(path, 1)
    os.truncate(path, CHECKED_BYTES + 4096)  # it would be damaged if it were read completely

    make_calls(path, 0)


def test_a_database_of_another_program_is_not_touched(path: Path) -> None:
    make(path, "CREATE TABLE places (url TEXT)")

    assert "belongs to another program" in str(refusal(path))
    assert [("places",)] == rows_of(path, "SELECT name FROM sqlite_master")
    assert [("delete",)] == rows_of(path, "PRAGMA journal_mode")


def test_schema_that_lacks_its_tables_is_refused(path: Path) -> None:
    for table, version in (("ncco_schema", KNOWN["sqlite"]), ("ncco_additions", NEWEST)):
        make(path, f"CREATE TABLE {table} (version_num TEXT)", f"INSERT INTO {table} VALUES ('{version}')")

    assert "no such table" in str(refusal(path))


# Other processes


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_file_that_stays_locked_is_unavailable(path: Path, other: sqlite3.Connection, how: str) -> None:
    make_calls(path, 1)
    other.execute(how)
    absent = absence(path)

    assert "is locked by another process" in str(absent)
    assert "stop the process that holds the lock" in absent.cure


def test_file_that_another_program_reads_is_waited_for(path: Path, other: sqlite3.Connection) -> None:
    other.execute("BEGIN")
    other.execute("SELECT name FROM sqlite_master").fetchall()
    threading.Timer(0.2, other.execute, ["COMMIT"]).start()
    make_calls(path, 1)

    assert [("wal",)] == rows_of(path, "PRAGMA journal_mode")


async def test_a_locked_file_is_unavailable_after_a_limited_wait_and_works_when_free(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await store_with_a_call(path)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await store.open_call(*new_call("leg-2"))

    assert await store.load("leg-1") is not None

    other.execute("COMMIT")
    await store.open_call(*new_call("leg-2"))
    await store.close()


async def test_write_waits_for_the_lock_even_while_the_event_loop_is_busy(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await store_with_a_call(path, 30_000)
    other.execute("BEGIN IMMEDIATE")
    (writing,) = await start(waits_in_sqlite, store.open_call(*new_call("leg-2")))
    other.execute("COMMIT")  # from here, this test keeps the loop busy

    assert is_taken(other)

    await writing
    await store.close()


def is_taken(connection: sqlite3.Connection) -> bool:
    """Block until another connection has the lock for writing; return False if that takes too long."""
    connection.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("COMMIT")
        time.sleep(0.01)
    return False


async def test_read_waits_for_an_exclusive_lock_without_blocking_the_loop(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await store_with_a_call(path, 30_000)
    lock_exclusively(other)
    reading = asyncio.ensure_future(store.load("leg-1"))
    await asyncio.sleep(0.05)

    assert not reading.done()

    other.close()

    assert session_row("leg-1") == await reading

    await store.close()


async def test_a_read_of_a_locked_file_is_unavailable_after_a_limited_wait(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await store_with_a_call(path)
    lock_exclusively(other)

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await store.load("leg-1")

    other.close()
    await store.close()


def lock_exclusively(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


# Groups of writes


def test_a_closed_loop_does_not_stop_the_writer(path: Path, other: sqlite3.Connection) -> None:
    store = Store(SqliteDatabase(path, busy_ms=30_000))

    async def leave_a_write_behind() -> None:
        await store.open()
        other.execute("BEGIN IMMEDIATE")
        await start(waits_in_sqlite, store.open_call(*new_call("a")))

    async def go_on() -> None:
        other.execute("COMMIT")
        await store.open_call(*new_call("b"))

    asyncio.run(leave_a_write_behind())
    asyncio.run(go_on())
    asyncio.run(store.close())

    assert ("b", 1, 1) == rows_of(path, WHAT_CALLS_HAVE)[-1]


# What goes wrong while it runs


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limit files of this process to `size` bytes, like a quota or a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_unavailable_until_there_is_space(path: Path) -> None:
    store = await store_with_a_call(path)
    acknowledged = ["leg-1"]
    with largest_file(400_000), pytest.raises(StoreUnavailable, match=r"cannot be read from or written|has no room"):
        for number in range(5_000):
            await store.open_call(*new_call(f"call-{number}", state=b"s" * 2_000))
            acknowledged.append(f"call-{number}")

    assert acknowledged == [id_ for (id_,) in rows_of(path, "SELECT id FROM calls ORDER BY key")]

    await store.check()
    await store.open_call(*new_call("after"))
    await store.close()

    assert [("after",)] == rows_of(path, "SELECT id FROM calls ORDER BY key DESC LIMIT 1")
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")


def test_a_new_file_on_a_full_disk_is_unavailable(path: Path) -> None:
    with largest_file(8_000):
        absent = absence(path)

    assert "cannot be read from or written to disk" in str(absent) or "no room" in str(absent)


async def test_file_that_is_damaged_while_it_runs_is_unavailable(path: Path) -> None:
    store = await store_with_a_call(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))

    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.load("leg-1")
    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.open_call(*new_call("leg-2"))

    await store.close()


async def test_moved_file_takes_no_writes_until_it_is_back(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.open()
    away = path.with_name("away.db")
    path.rename(away)

    with pytest.raises(StoreUnavailable, match="moved or replaced"):
        await store.open_call(*new_call("leg-1"))
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await store.load("leg-1")

    away.rename(path)
    await store.open_call(*new_call("leg-1"))

    assert session_row("leg-1") == await store.load("leg-1")

    await store.close()


async def test_a_deleted_log_takes_no_writes_and_its_rows_are_there_after_a_restart(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await store.open_call(*new_call("leg-1"))
    path.with_name(f"{path.name}-wal").unlink()

    with pytest.raises(StoreUnavailable, match="log was deleted"):
        await store.open_call(*new_call("leg-2"))

    await store.close()
    await store.open()

    assert session_row("leg-1") == await store.load("leg-1")
    assert await store.load("leg-2") is None

    await store.close()


# The log of another database


async def kill_after_calls(path: Path, last: int) -> None:
    """Leave the files of a killed server; its last calls are only in the log."""
    draft = path.with_name("draft.db")
    store = open_store(f"sqlite:///{draft}")
    await store.open()
    for number in range(100):
        if number == 100 - last:
            await store.close()
            await store.open()
        await store.open_call(*new_call(f"leg-{number}", state=b"s" * 900))
    shutil.copy(draft, path)
    shutil.copy(log_of(draft), log_of(path))
    await store.close()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@pytest.mark.parametrize("found", ["nothing", "empty", "other"])
def test_the_log_of_another_database_is_kept_until_its_database_is_back(path: Path, found: str) -> None:
    asyncio.run(kill_after_calls(path, last=60))
    away = path.rename(path.with_name("away.db"))
    log = log_of(path).read_bytes()
    if found == "empty":
        path.touch()
    elif found == "other":
        make_calls(other := path.with_name("other.db"), 300, size=9_000)
        other.rename(path)
    before = path.read_bytes() if path.exists() else None
    refused = refusal(path) if found == "other" else absence(path)

    assert ("is damaged" if found == "other" else f"{log_of(path)} contains calls of a database") in str(refused)
    assert (
        f"restore its database as {path.name}" in refused.cure or "move away a -wal of another database" in refused.cure
    )
    assert log == log_of(path).read_bytes()
    assert before == (path.read_bytes() if path.exists() else None)

    away.rename(path)
    make_calls(path, 0)

    assert [(100,)] == rows_of(path, "SELECT count(*) FROM calls")


async def test_log_stays_small_while_calls_come_in(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.open()
    for _ in range(12):
        await asyncio.gather(*(store.open_call(*new_call(f"{_}-{n}", state=b"s" * 4_000)) for n in range(300)))
    size = path.with_name(f"{path.name}-wal").stat().st_size
    await store.close()

    assert size < path.stat().st_size


async def test_open_calls_are_counted_using_only_their_index(path: Path) -> None:
    await (await store_with_a_call(path)).close()
    connection = sqlite3.connect(path)
    (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {COUNT_OPEN.sqlite}", (0,)).fetchall()
    connection.close()

    assert "SEARCH calls USING COVERING INDEX open_calls_by_beginning (created_at>?)" == plan[3]
