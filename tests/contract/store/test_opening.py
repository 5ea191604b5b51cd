from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from app.store.sqlite.migrate import MIGRATIONS, migrate
from app.store.sqlite.migrations.versions import v0001_calls
from app.store.sqlite.opening import CHECKED_BYTES, SCHEMAS, VERSION_TABLE, found_schema

from app.errors import StoreUnavailable, StoreUnusable
from app.store import HookRow, SessionRow, SqliteDatabase, Store
from tests.store.stored_rows import faulty_connection, hook_row, new_call, rows_of, session_row, webhook_row


def refusal(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> StoreUnusable:
    """Why a store on `path` does not open."""
    with pytest.raises(StoreUnusable) as refused:
        asyncio.run(Store(SqliteDatabase(path, open_wait_ms=100, factory=factory)).open())
    return refused.value


def absence(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> StoreUnavailable:
    """Why a store on `path` does not open now, and may later."""
    with pytest.raises(StoreUnavailable) as absent:
        asyncio.run(Store(SqliteDatabase(path, open_wait_ms=100, factory=factory)).open())
    return absent.value


def make(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def make_calls(path: Path, count: int) -> None:
    async def run() -> None:
        store = Store(SqliteDatabase(path))
        await store.open()
        for number in range(count):
            await store.open_call(*new_call(f"leg-{number}", state=b"s" * 900))
        await store.close()

    asyncio.run(run())


# Places


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "calls.db"

    make_calls(path, 0)

    assert [(SCHEMAS[-1],)] == rows_of(path, "SELECT version_num FROM ncco_schema")


def test_relative_path_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    make_calls(Path("calls.db"), 1)

    assert [("leg-0",)] == rows_of(tmp_path / "calls.db", "SELECT id FROM calls")


def test_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    refused = refusal(tmp_path / "file" / "below" / "calls.db")

    assert "cannot be reached" in refused.message
    assert "make the folder, writable for the user" in refused.cure


def test_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    refused = refusal(tmp_path / ("x" * 5_000))

    assert "cannot be reached" in refused.message


def test_folder_is_no_database(tmp_path: Path) -> None:
    refused = refusal(tmp_path)

    assert f"{tmp_path} is a folder" == refused.message
    assert f"name a file in NCCO_DATABASE_URL, such as {tmp_path / 'ncco.db'}" == refused.cure


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_pipe_or_socket_is_no_database(path: Path, kind: int) -> None:
    os.mknod(path, kind | 0o600)

    refused = refusal(path)

    assert f"{path} is a device or a pipe" == refused.message
    assert "name a file in NCCO_DATABASE_URL" == refused.cure


@pytest.mark.parametrize("name", ["a b?c#d%20e.db", "é日.db", "it's.db", "x&mode=ro"])
def test_any_name_is_taken_as_it_stands(tmp_path: Path, name: str) -> None:
    make_calls(tmp_path / name, 1)

    assert [("leg-0",)] == rows_of(tmp_path / name, "SELECT id FROM calls")
    assert [name] == [entry.name for entry in tmp_path.iterdir()]


async def test_working_directory_may_change_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(SqliteDatabase(Path("calls.db")))
    await store.open()
    monkeypatch.chdir("/")
    await store.open_call(*new_call("leg-0"))

    assert session_row("leg-0") == await store.load("leg-0")

    await store.close()


# Rights


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
    """Who runs the tests as root is nobody in here: root may do everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(user)


def test_folder_without_the_right_to_write_is_refused(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    with without_privileges():
        refused = refusal(public_folder / "calls.db")

    assert "cannot be opened" in refused.message
    assert "the right to write to the file and to its folder" in refused.cure


def test_folder_that_may_not_be_made_is_refused(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    with without_privileges():
        refused = refusal(public_folder / "below" / "calls.db")

    assert "cannot be reached" in refused.message
    assert "make the folder, writable for the user" in refused.cure


@pytest.mark.parametrize(("expected", "mode"), [("cannot be written", 0o444), ("cannot be opened", 0o000)])
def test_file_without_the_right_to_write_is_refused(public_folder: Path, expected: str, mode: int) -> None:
    path = public_folder / "calls.db"
    make_calls(path, 1)
    path.chmod(mode)
    public_folder.chmod(0o777)
    with without_privileges():
        refused = refusal(path)

    assert expected in refused.message
    assert "the right to write to the file and to its folder" in refused.cure


# What is in the file


def test_empty_file_is_a_new_store(path: Path) -> None:
    path.touch()

    make_calls(path, 1)

    assert [("leg-0",)] == rows_of(path, "SELECT id FROM calls")


def test_text_file_is_no_database(path: Path) -> None:
    path.write_text("flow: acme\n" * 500)

    refused = refusal(path)

    assert "is not a SQLite database" in refused.message
    assert "name another file" in refused.cure
    assert "flow: acme\n" * 500 == path.read_text()


@pytest.mark.parametrize(("first_page", "pages"), [(20, 10), (20, 1), (1, 1)])
def test_damaged_page_is_refused(path: Path, first_page: int, pages: int) -> None:
    make_calls(path, 100)
    with path.open("r+b") as file:
        file.seek(first_page * 4096)
        file.write(b"\xff" * 4096 * pages)

    refused = refusal(path)

    assert "is damaged" in refused.message
    assert "put a backup in its place" in refused.cure


def test_file_that_was_cut_off_is_refused(path: Path) -> None:
    make_calls(path, 100)
    os.truncate(path, path.stat().st_size // 2)

    assert "is damaged" in refusal(path).message


def test_large_file_is_not_read_whole(path: Path) -> None:
    make_calls(path, 1)
    os.truncate(path, CHECKED_BYTES + 4096)
    kind = faulty_connection()

    assert session_row("leg-0", state=b"s" * 900) == asyncio.run(load_first(Store(SqliteDatabase(path, factory=kind))))
    assert not any("quick_check" in statement for statement in kind.statements)


async def load_first(store: Store) -> SessionRow | None:
    await store.open()
    row = await store.load("leg-0")
    await store.close()
    return row


def test_database_of_another_program_is_left_alone(path: Path) -> None:
    make(path, "CREATE TABLE places (url TEXT)")

    refused = refusal(path)

    assert f"{path} is a database of another program" == refused.message
    assert "name another file in NCCO_DATABASE_URL" == refused.cure
    assert [("places",)] == rows_of(path, "SELECT name FROM sqlite_master")
    assert [("delete",)] == rows_of(path, "PRAGMA journal_mode")


@pytest.mark.parametrize("schema", ["9999", "later"])
def test_newer_schema_is_refused(path: Path, schema: str) -> None:
    make_calls(path, 1)
    make(path, f"UPDATE ncco_schema SET version_num = '{schema}'")  # noqa: S608 - our own text

    refused = refusal(path)

    assert f"{path} has schema {schema}, and this version knows none after {SCHEMAS[-1]}" == refused.message
    assert "start the newer version again" in refused.cure


def test_schema_that_lacks_its_tables_is_refused(path: Path) -> None:
    make(
        path,
        "CREATE TABLE ncco_schema (version_num TEXT)",
        f"INSERT INTO ncco_schema VALUES ('{SCHEMAS[-1]}')",  # noqa: S608 - our own text
    )

    refused = refusal(path)

    assert "no such table" in refused.message


# Migrations


def test_known_schemas_are_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert list(SCHEMAS) == newest_first[::-1]


def test_newest_schema_is_left_alone(path: Path) -> None:
    make_calls(path, 1)
    before = rows_of(path, "PRAGMA schema_version")
    make_calls(path, 0)

    assert before == rows_of(path, "PRAGMA schema_version")


def test_file_of_the_first_schema_keeps_its_calls_and_gets_an_outbox(path: Path) -> None:
    make(
        path,
        *v0001_calls.STATEMENTS,
        "CREATE TABLE ncco_schema (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO ncco_schema VALUES ('0001')",
        "INSERT INTO calls VALUES (7, 'leg-1', 'leg-1', 'CON-leg-1', 'acme', 'c0ffee', 1, 0, 5, 6, x'7b7d')",
        "INSERT INTO turns VALUES (1, 7, 1, 'w', -1, -1, '', 5, x'5b5d', x'5b5d', x'7b7d')",
        "INSERT INTO webhooks VALUES (1, 7, 'w', 'answer', 'leg-1', -1, -1, '', 'leg-1', '', 'GET', 5, x'61')",
    )

    async def go_on() -> tuple[SessionRow | None, bytes | None, list[HookRow]]:
        store = Store(SqliteDatabase(path))
        await store.open()
        await store.record(webhook_row("leg-1"), hooks=[hook_row("h1")])
        found = await store.load("leg-1"), await store.reply("leg-1", -1, -1, ""), await store.hooks(10)
        await store.close()
        return found

    loaded, reply, hooks = asyncio.run(go_on())

    assert SessionRow("leg-1", "leg-1", "CON-leg-1", "acme", "c0ffee", 1, b"{}", False, 5, 6) == loaded
    assert b"[]" == reply
    assert [hook_row("h1")] == hooks
    assert [(SCHEMAS[-1],)] == rows_of(path, "SELECT version_num FROM ncco_schema")


def test_migration_that_fails_leaves_nothing(path: Path) -> None:
    make(path, "CREATE TABLE turns (other TEXT)")
    connection = sqlite3.connect(path, isolation_level=None)

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, VERSION_TABLE)

    connection.close()

    assert [("turns",)] == rows_of(path, "SELECT name FROM sqlite_master")


# Another process


def test_file_that_stays_locked_is_away(path: Path, other: sqlite3.Connection) -> None:
    make_calls(path, 1)
    other.execute("BEGIN IMMEDIATE")
    before = time.monotonic()

    absent = absence(path)

    assert "is locked by another process" in str(absent)
    assert "end the process that holds it" in absent.cure
    assert time.monotonic() - before < 20


def test_file_that_another_program_reads_is_waited_for(path: Path, other: sqlite3.Connection) -> None:
    other.execute("BEGIN")
    other.execute("SELECT name FROM sqlite_master").fetchall()
    threading.Timer(0.2, other.execute, ["COMMIT"]).start()

    make_calls(path, 1)

    assert [("wal",)] == rows_of(path, "PRAGMA journal_mode")


def test_file_that_another_program_reads_for_ever_is_away(path: Path, other: sqlite3.Connection) -> None:
    other.execute("BEGIN")
    other.execute("SELECT name FROM sqlite_master").fetchall()

    assert "is locked by another process" in str(absence(path))


class BusyOnce(sqlite3.Connection):
    """Two processes that switch to WAL at the same moment: SQLite tells one of them at once that it is locked."""

    is_busy = True

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.is_busy and sql == "PRAGMA journal_mode = WAL":
            self.is_busy = False
            locked = sqlite3.OperationalError("database is locked")
            locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise locked
        return super().execute(sql, *values)


def test_file_that_another_process_prepares_at_the_same_moment_is_tried_again(path: Path) -> None:
    make_calls(path, 1)

    assert session_row("leg-0", state=b"s" * 900) == asyncio.run(
        load_first(Store(SqliteDatabase(path, factory=BusyOnce)))
    )


async def test_many_stores_can_open_a_new_file_at_once(path: Path) -> None:
    stores = [Store(SqliteDatabase(path)) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.open_call(*new_call(f"leg-{n}")) for n, store in enumerate(stores)))

    assert [(4,)] == rows_of(path, "SELECT count(*) FROM calls")

    await asyncio.gather(*(store.close() for store in stores))


def test_tables_that_another_server_makes_right_now_are_no_foreign_ones(path: Path) -> None:
    other = threading.Thread(target=lambda: asyncio.run(load_first(Store(SqliteDatabase(path)))))

    class Overtaken(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql.startswith("SELECT name FROM sqlite_master LIMIT"):
                other.start()
                other.join(0.5)
            return super().execute(sql, *parameters)

    with closing(sqlite3.connect(path, isolation_level=None, factory=Overtaken)) as connection:
        found = found_schema(path, connection)
    other.join()

    assert "" == found
    assert [(SCHEMAS[-1],)] == rows_of(path, "SELECT version_num FROM ncco_schema")


async def test_opening_one_store_twice_at_once_starts_one_writer(tmp_path: Path) -> None:
    store = Store(SqliteDatabase(tmp_path / "twice.db"))
    await asyncio.gather(store.open(), store.open())
    writers = [thread.name for thread in threading.enumerate() if "twice" in thread.name]
    await store.close()

    assert ["writer of twice.db"] == writers


# Disks


class WithoutSharedMemory(sqlite3.Connection):
    """On a network's file system SQLite answers the wish for WAL with the mode that it keeps."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace(" = WAL", ""), *values)


def test_file_system_without_shared_memory_is_refused(path: Path) -> None:
    refused = refusal(path, factory=WithoutSharedMemory)

    assert "without shared memory" in refused.message
    assert "put the file on a local disk" == refused.cure


class Full(sqlite3.Connection):
    """A disk with room for a few pages."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        super().execute("PRAGMA max_page_count = 10").close()
        return super().execute(sql, *values)


def test_full_disk_is_away(path: Path) -> None:
    absent = absence(path, factory=Full)

    assert "has no room to grow" in str(absent)
    assert "free space on its disk" in absent.cure


class OnFullDisk(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A path where no folder can be made."""

    def mkdir(self, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_folder_that_cannot_be_made_on_a_full_disk_is_away(tmp_path: Path) -> None:
    absent = absence(OnFullDisk(tmp_path / "new" / "calls.db"))

    assert "cannot be reached" in str(absent)
    assert "see to its disk" in absent.cure


def test_disk_that_fails_at_once_is_refused(path: Path) -> None:
    kind = faulty_connection()
    kind.failing.add("PRAGMA synchronous")

    refused = refusal(path, factory=kind)

    assert "cannot be used (disk I/O error)" in refused.message
    assert "read what SQLite says" in refused.cure
