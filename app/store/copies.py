"""Copies of a database for backups: always a SQLite file.

A copy is a snapshot, without the console sessions of version 0.2: a restore logs nobody in.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from app.errors import StoreUnavailable, StoreUnusable
from app.store import sqlite_file
from app.store.migrations import (
    ADDITIONS_TABLE,
    PROBES_TABLE,
    RETENTION_TABLE,
    SQLITE,
    TABLES,
    VERSION_TABLE,
    upgrade,
)

WAIT_MS: Final = 5_000
"""How long to wait for another process's write."""

COPIED: Final = tuple(name for name in TABLES if name not in (VERSION_TABLE, ADDITIONS_TABLE, PROBES_TABLE))
"""Tables copied to another kind of database, referenced tables first."""

SESSIONS_OF_0_2: Final = "ncco_console_sessions"
"""Hosts of version 0.2 that share the database keep console sessions in this table."""
_CURE: Final = "take another backup"
IN_USE: Final = "stop every server and every `ncco` command that uses it, its console too"


@contextmanager
def opened_copy(path: Path, *, is_new: bool = False) -> Iterator[sqlite3.Connection]:
    """A copy as one file without a log; at the end it is synced to disk. Raises StoreError.

    Args:
        path: absolute path of the copy.
        is_new: create it, with empty tables.
    """
    try:
        if is_new:
            sqlite_file.prepare(path, WAIT_MS)
        with closing(sqlite_file.connect(path, WAIT_MS)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise sqlite_file.unusable(str(path), error) from error


def copy_file(source: Path, target: Path) -> None:
    """Copy a database with SQLite's online backup while servers may write. Raises StoreError. Blocks.

    It is read in one step: otherwise each write of a server would restart the copy. In WAL mode nobody waits.
    """
    try:
        with (
            closing(sqlite_file.connect(source, WAIT_MS, "ro")) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
    except sqlite3.Error as error:
        raise sqlite_file.unusable(str(target if sqlite_file.is_full(error) else source), error) from error
    with opened_copy(target) as copy, suppress(sqlite3.OperationalError):  # it has no such table
        copy.execute(f"DELETE FROM {SESSIONS_OF_0_2}")


def check_copy(path: Path) -> None:
    """Migrate a copy to the newest schema, read all of it, and drop the sessions of version 0.2.

    Raises StoreUnusable if it is damaged, newer or empty, or contains anything but our tables and rows: an archive must
    not execute code, and must be complete.
    """
    if not sqlite_file.schema_of(path, WAIT_MS).found:
        raise StoreUnusable(f"{path} is empty", _CURE)
    with opened_copy(path) as copy:
        strange = copy.execute("SELECT type, name FROM sqlite_master WHERE rootpage = 0").fetchall()
    if strange:
        raise StoreUnusable(
            f"{path} contains the {' '.join(map(str, strange[0]))!r}, which is not part of a backup", _CURE
        )
    sqlite_file.prepare(path, WAIT_MS)
    with opened_copy(path) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchall()[0][0]
        missing = _missing_columns(copy)
        copy.execute(f"DROP TABLE IF EXISTS {SESSIONS_OF_0_2}")
    if found != "ok" or missing:
        raise StoreUnusable(f"{path} is damaged ({found if found != 'ok' else f'{missing[0]} is missing'})", _CURE)


def _missing_columns(copy: sqlite3.Connection) -> list[str]:
    """The columns of a new database that are missing from a copy, as `table.column`."""
    with closing(sqlite_file.connect(None, 0)) as new:
        sqlite_file.run(new, upgrade(SQLITE, sqlite_file.LIST_TABLES, "a new database"))
        return [
            f"{table}.{column}"
            for table in TABLES
            if table != RETENTION_TABLE  # a database of 0.1 has none
            for column in columns_of(new, table)
            if column not in columns_of(copy, table)
        ]


def columns_of(copy: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table."""
    return [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]


def require_unused(path: Path) -> None:
    """Raise StoreUnavailable while another process has a file open, if it exists. Empties its log. Blocks.

    The log of a missing file is refused too: its calls may exist nowhere else. Open connections in WAL mode hold a
    lock, so leaving that mode fails while there is another.
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
    """Replace a database that no process uses with a copy. Raises StoreUnavailable while one does. Blocks."""
    require_unused(path)
    for name in ("-wal", "-shm"):  # in case of a damaged file: a foreign log would be applied to the copy
        path.with_name(f"{path.name}{name}").unlink(missing_ok=True)
    copy.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into(draft: Path, target: Path, undo: ExitStack) -> None:
    """Move a file, or the files of a folder, into place; `undo` restores the previous ones.

    The folder itself is kept: it may be a mount point.
    """
    before = draft.with_name("before")
    before.mkdir()
    steps = [(draft, target)]
    if target.is_dir():
        steps = [(path, target / path.name) for path in draft.iterdir()]
        old = [path for path in target.iterdir() if path.is_file()]
    else:
        old = [target] if target.exists() else []
    for source, goal in (*((path, before / path.name) for path in old), *steps):
        source.replace(goal)
        undo.callback(goal.replace, source)
    sync_folder(target if target.is_dir() else target.parent)
