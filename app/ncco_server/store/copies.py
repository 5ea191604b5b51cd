"""Copies a database for a backup: a snapshot in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

from ncco_server.errors import StoreUnavailable, StoreUnusable
from ncco_server.store import sqlite_file
from ncco_server.store.migrations import upgrade
from ncco_server.store.sql import ADDITIONS_TABLE, PROBES_TABLE, TABLES, VERSION_TABLE

WAIT_MS: Final = 5_000

COPIED: Final = tuple(name for name in TABLES if name not in (VERSION_TABLE, ADDITIONS_TABLE, PROBES_TABLE))
"""A table comes before the tables that refer to it."""

ANOTHER: Final = "name another backup"
IN_USE: Final = "stop every server, console and `ncco` command that uses it"


@contextmanager
def opened_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy, a single file without a write-ahead log, and commit at the end. Raises StoreError."""
    try:
        with closing(sqlite_file.connect(path, WAIT_MS)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise sqlite_file.unusable(str(path), error) from error


def copy_file(source: Path, target: Path) -> None:
    """Copy a database, even while servers write. Raises StoreError. Blocks.

    It takes one step, because any write in between would restart it.
    """
    try:
        with (
            closing(sqlite_file.connect(source, WAIT_MS, "ro")) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
    except sqlite3.Error as error:
        raise sqlite_file.unusable(str(target if sqlite_file.is_full(error) else source), error) from error
    with opened_copy(target):
        pass  # it is now a single file


def check_copy(path: Path) -> None:
    """Migrate a copy to the newest schema and read it completely.

    Raises StoreUnusable if it is damaged, empty, too new, or contains more than our tables: a backup must not run code.
    """
    if not sqlite_file.schema_of(path, WAIT_MS).found:
        raise StoreUnusable(f"{path} is empty", ANOTHER)
    with opened_copy(path) as copy:
        strange = copy.execute("SELECT type, name FROM sqlite_master WHERE rootpage = 0").fetchall()
    if strange:
        raise StoreUnusable(
            f"{path} contains the {' '.join(map(str, strange[0]))!r}, which is not part of a backup", ANOTHER
        )
    sqlite_file.prepare(path, WAIT_MS)
    with opened_copy(path) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchall()[0][0]
        missing = _missing_columns(copy)
    if found != "ok" or missing:
        raise StoreUnusable(f"{path} is damaged ({found if found != 'ok' else f'{missing[0]} is missing'})", ANOTHER)


def _missing_columns(copy: sqlite3.Connection) -> list[str]:
    with closing(sqlite_file.connect(None, 0)) as new:
        sqlite_file.run(new, upgrade("sqlite", "a new database"))
        return [
            f"{table}.{column}"
            for table in TABLES
            for column in columns_of(new, table)
            if column not in columns_of(copy, table)
        ]


def columns_of(copy: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]


def require_unused(path: Path) -> None:
    """Raise StoreUnavailable if another process has the file open, or if only its log exists. Blocks.

    Leaving WAL mode fails while another connection is open.
    """
    sqlite_file.require_no_lost_log(path)
    if not path.exists():
        return
    try:
        with closing(sqlite_file.connect(path, 0)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.Error as error:
        if sqlite_file.is_busy(error):
            raise StoreUnavailable(f"{path} is in use", IN_USE) from error


def replace_file(path: Path, copy: Path) -> None:
    """Raise StoreUnavailable if a process uses the database. Blocks."""
    require_unused(path)
    for name in ("-wal", "-shm"):  # a damaged file's log would be applied to the copy
        path.with_name(f"{path.name}{name}").unlink(missing_ok=True)
    copy.replace(path)
    sync_folder(path.parent)


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner can read; at the end, it is on disk. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
