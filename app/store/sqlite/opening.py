"""Open a SQLite file for the server: make its folder, migrate it, and see that it is whole and can be written."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from app.errors import StoreUnavailable, StoreUnusable
from app.store.sqlite.faults import damaged, is_busy, unusable
from app.store.sqlite.statements import probe

SCHEMAS = ("0001", "0002", "0003", "0004")
"""The migrations in `app/store/sqlite/migrations`, oldest first."""

STATEMENTS_KEPT = 256
"""Prepared statements that a connection keeps: more than those that write calls together."""

VERSION_TABLE = "ncco_schema"
"""Where a file says its schema. A file with tables but without this one belongs to another program."""

CHECKED_BYTES = 64 * 1024 * 1024
"""Files up to this size are read whole when they are opened, to see that they are not damaged; about 0.1 s."""

Connect = Callable[[int], sqlite3.Connection]
"""Makes a connection whose statements wait that many milliseconds for another process."""

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT})
"""Faults of a folder that no right and no other name cures."""

_WAIT_BETWEEN_TRIES_S = 0.02

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: a plain fsync leaves data in the drive's cache
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is deleted or replaced is overwritten with zeros
    "PRAGMA cache_size = -16384",  # KiB
    "PRAGMA wal_autocheckpoint = 16384",  # pages; long before, app/store/sqlite/checkpoints.py writes the log back
    "PRAGMA journal_size_limit = 67108864",  # bytes; a burst does not leave a large log behind
)


def connector(path: Path, factory: type[sqlite3.Connection], *, creates: bool) -> Connect:
    """How to connect to `path`, which is absolute; `creates` the file when it is missing."""
    address = f"{path.as_uri()}?mode={'rwc' if creates else 'rw'}"

    def connect(busy_ms: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=busy_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_KEPT,
            factory=factory,
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma).close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    return connect


def prepare(path: Path, factory: type[sqlite3.Connection], wait_ms: int) -> None:
    """Make `path` a file that the server can use. Raises StoreUnusable, StoreUnavailable.

    Waits at most `wait_ms` for another process.
    """
    _make_room(path)
    connect = connector(path, factory, creates=True)
    try:
        connection = connect(wait_ms)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    try:
        _prepare(path, connection, wait_ms)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        connection.close()


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_folder, is_other = path.is_dir(), path.exists() and not path.is_file()
    except OSError as error:
        if error.errno in _PASSING:
            raise StoreUnavailable(
                f"{path} cannot be reached ({error})", "see to its disk, or to what mounts it"
            ) from error
        cure = "make the folder, writable for the user that runs the server, or name another in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{path} cannot be reached ({error})", cure) from error
    if is_folder:
        raise StoreUnusable(f"{path} is a folder", f"name a file in NCCO_DATABASE_URL, such as {path / 'ncco.db'}")
    if is_other:
        raise StoreUnusable(f"{path} is a device or a pipe", "name a file in NCCO_DATABASE_URL")


def _prepare(path: Path, connection: sqlite3.Connection, wait_ms: int) -> None:
    found_schema(path, connection)
    _write_ahead(path, connection, wait_ms)
    if _schema(connection) != SCHEMAS[-1]:
        # Alembic takes 0.3 s to import; only a file whose schema is not the newest pays for it.
        import_module("app.store.sqlite.migrate").migrate(connection, VERSION_TABLE)
    _require_whole(path, connection)
    connection.execute("BEGIN IMMEDIATE")
    probe(connection)
    connection.execute("COMMIT")


def found_schema(path: Path, connection: sqlite3.Connection) -> str:
    """The schema that the file has, "" when it is empty. Raises StoreUnusable for one that is not ours, or newer."""
    connection.execute("BEGIN")  # both are read of one moment: another server may make the tables right now
    try:
        schema = _schema(connection)
        tables = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
    finally:
        connection.execute("COMMIT")
    if schema == "" and tables:
        cure = "name another file in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{path} is a database of another program", cure)
    if schema not in ("", *SCHEMAS):
        cure = "start the newer version again that made it, or name another file in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{path} has schema {schema}, and this version knows none after {SCHEMAS[-1]}", cure)
    return schema


def _schema(connection: sqlite3.Connection) -> str:
    """The schema that the file says it has, "" when it says nothing."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchall():
        return ""
    rows = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608 - a constant
    return str(rows[0][0]) if rows else ""


def _write_ahead(path: Path, connection: sqlite3.Connection, wait_ms: int) -> None:
    """Switch to WAL. SQLite does not wait for another process that switches at the same moment, so this does."""
    until = time.monotonic() + wait_ms / 1000
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(_WAIT_BETWEEN_TRIES_S)
        else:
            break
    if mode != "wal":
        cure = "put the file on a local disk"
        raise StoreUnusable(f"{path} is on a file system without shared memory, which WAL needs", cure)


def _require_whole(path: Path, connection: sqlite3.Connection) -> None:
    if path.stat().st_size > CHECKED_BYTES:
        return
    found = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
    if found != "ok":
        raise damaged(path, found.splitlines()[-1])
