"""Connects to a SQLite file, prepares it for a server, and interprets errors."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from ncco_server.errors import StoreError, StoreUnavailable, StoreUnusable
from ncco_server.store.database import Insert, Many, Row, StoreFault, T, Work
from ncco_server.store.migrations import find_schema, probe, upgrade
from ncco_server.store.rows import Schema
from ncco_server.store.sql import Sql

MIN_SQLITE_VERSION: Final = (3, 35)

CHECKED_BYTES: Final = 64 * 1024 * 1024
"""Larger files are not checked completely when opened; this many bytes take about 0.1 s."""

_PAUSE_S: Final = 0.02

_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # on macOS, a plain fsync leaves data in the drive's cache
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 16384",  # in pages; the writer makes checkpoints earlier, when nobody waits
    "PRAGMA journal_size_limit = 67108864",  # in bytes: the log shrinks after a burst
)

_RIGHTS: Final = "give the user who runs the server permission to write to the file and its folder"
_OTHER: Final = StoreFault(
    "cannot be used", "see SQLite's message, repair the file or name another in NCCO_DATABASE_URL"
)
_FAULTS: Final = {
    sqlite3.SQLITE_BUSY: StoreFault(
        "is locked by another process", "stop the process that holds the lock; `fuser` on the file shows it"
    ),
    sqlite3.SQLITE_LOCKED: StoreFault("is locked", "stop other programs that use the file"),
    sqlite3.SQLITE_CANTOPEN: StoreFault("cannot be opened", _RIGHTS),
    sqlite3.SQLITE_PERM: StoreFault("must not be opened", _RIGHTS),
    sqlite3.SQLITE_AUTH: StoreFault("must not be used", _RIGHTS),
    sqlite3.SQLITE_READONLY: StoreFault("cannot be written", f"{_RIGHTS}; it cannot be on a read-only file system"),
    sqlite3.SQLITE_FULL: StoreFault("has no room to grow", "free space on its disk, or raise the quota"),
    sqlite3.SQLITE_IOERR: StoreFault(
        "cannot be read from or written to disk", "check the disk: it may be full, over quota or failing"
    ),
    sqlite3.SQLITE_NOTADB: StoreFault(
        "is not a SQLite database", "name another file in NCCO_DATABASE_URL, or move this one away"
    ),
    sqlite3.SQLITE_CORRUPT: StoreFault(
        "is damaged",
        "move away a -wal of another database, restore a backup, or move both files away to start empty "
        "(`sqlite3 FILE .recover` saves what can be read)",
    ),
}
_TEMPORARY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

_TEMPORARY_FOLDER_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)


def _code(error: Exception) -> int:
    """Return 0 for an error of Python's `sqlite3` module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    return _code(error) == sqlite3.SQLITE_BUSY


def is_full(error: sqlite3.Error) -> bool:
    return _code(error) == sqlite3.SQLITE_FULL


def own_error(label: str, error: Exception) -> Exception | None:
    """Return None if the file is the cause, so that all operations fail."""
    is_value = isinstance(error, OverflowError | UnicodeEncodeError | sqlite3.InterfaceError)
    if is_value or isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError):
        return StoreError(f"{label} refuses the write ({error})")
    return None if isinstance(error, sqlite3.Error) else error


def unavailable(label: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"{label} {_FAULTS.get(_code(error), _OTHER).message} ({error})")


def unusable(label: str, error: sqlite3.Error) -> StoreError:
    fault = _FAULTS.get(_code(error), _OTHER)
    kind = StoreUnavailable if _code(error) in _TEMPORARY else StoreUnusable
    return kind(f"{label} {fault.message} ({error})", fault.cure)


def fetch(connection: sqlite3.Connection, sql: Sql, values: Sequence[object]) -> list[Row]:
    cursor = connection.cursor()
    _execute(cursor, sql, values)
    return cursor.fetchall()


def _execute(cursor: sqlite3.Cursor, sql: Sql, values: Sequence[object]) -> None:
    """Escape lone surrogates, which UTF-8 cannot represent."""
    try:
        cursor.execute(sql.sqlite, tuple(values))  # with other sequences the driver fetches each value separately
    except UnicodeEncodeError:
        escaped = [
            value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value for value in values
        ]
        cursor.execute(sql.sqlite, escaped)


def run(connection: sqlite3.Connection, work: Work[T]) -> T:
    cursor = connection.cursor()
    try:
        statement = next(work)
        while True:
            sql, values = statement
            if isinstance(statement, Many):
                rows = []
                for value in values:
                    _execute(cursor, sql, value)
                    rows += cursor.fetchall()
            else:
                _execute(cursor, sql, values)
                if not isinstance(statement, Insert):
                    rows = cursor.fetchall()
                else:
                    rows = [(values[0], cursor.lastrowid)] if cursor.rowcount else []
            statement = work.send(rows)
    except StopIteration as done:
        result: T = done.value
        return result


# Without adapters, the driver would search for one for each value.
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(bool, int)


def connect(path: Path | None, busy_ms: int, mode: str = "rw") -> sqlite3.Connection:
    """Without a path, open a database in memory. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}" if path else ":memory:",
        uri=path is not None,
        timeout=busy_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def flush(connection: sqlite3.Connection, *, is_flushed: bool) -> None:
    """Whether commits wait for the disk. The next one that does flushes those before it, which are in the same log."""
    connection.execute(f"PRAGMA synchronous = {'FULL' if is_flushed else 'NORMAL'}").close()


def prepare(path: Path, wait_ms: int) -> None:
    """Migrate a file, and check that it is undamaged and writable. Raises StoreUnusable or StoreUnavailable.

    Only its owner can read and write a new file. Waits at most `wait_ms` for another process.
    """
    if sqlite3.sqlite_version_info < MIN_SQLITE_VERSION:
        cure = "use a Python with a newer SQLite, such as uv's or the Docker image's"
        raise StoreUnusable(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed", cure)
    require_no_lost_log(path)
    _make_file(path)
    try:
        with closing(connect(path, wait_ms, "ro")) as connection:  # closing a read-only connection keeps the log
            _require_ours(path, connection)
            _require_whole(path, connection)
        with closing(connect(path, wait_ms)) as connection:
            _switch_to_wal(path, connection, wait_ms)
            connection.execute("BEGIN IMMEDIATE")
            run(connection, upgrade("sqlite", str(path)))
            run(connection, probe())
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unusable(str(path), error) from error


def schema_of(path: Path, wait_ms: int) -> Schema:
    """The file may be missing or empty. Raises StoreError. Blocks."""
    require_no_lost_log(path)
    try:
        with closing(connect(path, wait_ms, "ro") if path.is_file() else connect(None, 0)) as connection:
            return _require_ours(path, connection)
    except sqlite3.Error as error:
        raise unusable(str(path), error) from error


def require_no_lost_log(path: Path) -> None:
    """Raise StoreUnavailable if a missing or empty file has a log, which SQLite would delete.

    The log's size is read first: a database with a log is never empty. Opening and closing the file would drop the
    locks of this process's other connections.
    """
    log = _log_of(path)
    if _size(log) and not _size(path):
        cure = f"restore its database as {path.name}, or move {log.name} away, which loses its calls"
        raise StoreUnavailable(f"{log} contains calls of a database that is not next to it", cure)


def _size(path: Path) -> int:
    """0 if it cannot be read, which SQLite reports later."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _require_ours(path: Path, connection: sqlite3.Connection) -> Schema:
    connection.execute("BEGIN")  # one snapshot: another server may be creating the tables
    try:
        return run(connection, find_schema("sqlite", str(path)))
    finally:
        connection.execute("COMMIT")


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_folder = path.is_dir()
        is_other = path.exists() and not path.is_file()
    except OSError as error:
        if error.errno in _TEMPORARY_FOLDER_ERRORS:
            cure = "check its disk or its mount"
            raise StoreUnavailable(f"{path} cannot be reached ({error})", cure) from error
        cure = "create the folder, writable by the user who runs the server, or name another in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{path} cannot be reached ({error})", cure) from error
    if is_folder:
        raise StoreUnusable(f"{path} is a folder", f"name a file in NCCO_DATABASE_URL, such as {path / 'ncco.db'}")
    if is_other:
        raise StoreUnusable(f"{path} is a device or a pipe", "name a file in NCCO_DATABASE_URL")
    try:
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))  # SQLite gives the log the same permissions
    except OSError as error:
        fault = _FAULTS[sqlite3.SQLITE_CANTOPEN]
        raise StoreUnusable(f"{path} {fault.message} ({error})", fault.cure) from error


def _switch_to_wal(path: Path, connection: sqlite3.Connection, wait_ms: int) -> None:
    """Wait while another process switches: SQLite itself does not."""
    until = time.monotonic() + wait_ms / 1000
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
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
        fault = _FAULTS[sqlite3.SQLITE_CORRUPT]
        raise StoreUnusable(f"{path} {fault.message} ({found.splitlines()[-1]})", fault.cure)


def empty_log(connection: sqlite3.Connection, patience_s: float) -> bool:
    """Retry while the log is in use. Returns whether it is empty."""
    until = time.monotonic() + patience_s
    while is_used := bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]):
        if time.monotonic() > until:
            break
        time.sleep(_PAUSE_S)
    return not is_used


def checkpoint(connection: sqlite3.Connection) -> None:
    """Write back as much as is possible without waiting. Raises sqlite3.Error."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def write_back(path: Path) -> None:
    """Write the log back while others write. Blocks."""
    with (
        suppress(sqlite3.Error),
        closing(connect(path, 0)) as connection,
    ):
        checkpoint(connection)


def trim(path: Path, patience_s: float) -> None:
    """See `Database.trim`. Raises sqlite3.Error. Blocks."""
    with closing(connect(path, 0)) as connection:
        checkpoint(connection)  # most of it, while others write
        empty_log(connection, patience_s)


def purge(path: Path, patience_s: float, *, rewrite: bool) -> bool:
    """See `Database.purge`. Raises sqlite3.Error. Blocks."""
    with closing(connect(path, int(patience_s * 1000))) as connection:
        try:
            if rewrite:
                connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return empty_log(connection, patience_s)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
