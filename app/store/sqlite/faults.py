"""What SQLite's faults mean to whoever runs the server, in one sentence each, with the cure."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from app.errors import StoreError, StoreUnavailable, StoreUnusable


class Fault(NamedTuple):
    """What is wrong with the file, told after its name, and what to do about it."""

    message: str
    cure: str


_OTHER = Fault("cannot be used", "read what SQLite says, mend the file or name another one in NCCO_DATABASE_URL")
_RIGHTS = "give the user that runs the server the right to write to the file and to its folder"

_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault(
        "is locked by another process", "end the process that holds it; `fuser` on the file names it"
    ),
    sqlite3.SQLITE_LOCKED: Fault("is locked", "end what else uses the file"),
    sqlite3.SQLITE_CANTOPEN: Fault("cannot be opened", _RIGHTS),
    sqlite3.SQLITE_PERM: Fault("may not be opened", _RIGHTS),
    sqlite3.SQLITE_AUTH: Fault("may not be used", _RIGHTS),
    sqlite3.SQLITE_READONLY: Fault("cannot be written", f"{_RIGHTS}; a read-only file system cannot hold it"),
    sqlite3.SQLITE_FULL: Fault("has no room to grow", "free space on its disk, or raise the quota"),
    sqlite3.SQLITE_IOERR: Fault(
        "cannot be read or written to disk", "look at the disk: is it full, over quota or failing?"
    ),
    sqlite3.SQLITE_NOTADB: Fault(
        "is not a SQLite database", "name another file in NCCO_DATABASE_URL, or move this one away"
    ),
    sqlite3.SQLITE_CORRUPT: Fault(
        "is damaged",
        "put a backup in its place, or move it away to start empty (`sqlite3 FILE .recover` saves what can be read)",
    ),
}


_PASSES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
"""Faults that end without anybody looking at the settings: the same file may do in a moment."""


def fault_of(error: sqlite3.Error) -> Fault:
    """What `error` means. Errors that Python's own binding raises have no code and mean nothing known."""
    code = getattr(error, "sqlite_errorcode", None)
    return _OTHER if code is None else _FAULTS.get(code & 0xFF, _OTHER)


def damaged(path: Path, found: str) -> StoreUnusable:
    """SQLite's own check of the file found this."""
    fault = _FAULTS[sqlite3.SQLITE_CORRUPT]
    return StoreUnusable(f"{path} {fault.message} ({found})", fault.cure)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process is in the way, so that trying again may do."""
    code = getattr(error, "sqlite_errorcode", 0)
    return bool(code & 0xFF == sqlite3.SQLITE_BUSY)


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """The same request may succeed later."""
    fault = fault_of(error) if isinstance(error, sqlite3.Error) else _OTHER
    return StoreUnavailable(f"{path} {fault.message} ({error})")


def unusable(path: Path, error: sqlite3.Error) -> StoreError:
    """The server cannot start on this file: StoreUnusable, or StoreUnavailable when it may later."""
    fault, code = fault_of(error), getattr(error, "sqlite_errorcode", 0)
    kind = StoreUnavailable if code & 0xFF in _PASSES else StoreUnusable
    return kind(f"{path} {fault.message} ({error})", fault.cure)
