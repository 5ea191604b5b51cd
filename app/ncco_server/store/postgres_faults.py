"""Describes problems of a PostgreSQL database without its password or callers' input, for logs."""

from __future__ import annotations

from typing import Final

import asyncpg

from ncco_server.errors import StoreError, StoreUnavailable, StoreUnusable
from ncco_server.store.database import StoreFault

DRIVER_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_OTHER: Final = StoreFault("cannot be used", "see PostgreSQL's message, or name another database in NCCO_DATABASE_URL")
_UNREACHABLE: Final = StoreFault(
    "cannot be reached", "check that PostgreSQL runs, and that NCCO_DATABASE_URL has its host and port"
)
_SLOW: Final = StoreFault("does not answer in time", "check its load, its disk and the network")

_FAULTS: Final = {
    "25006": StoreFault("is read-only", "name the primary, or add ?target_session_attrs=read-write to the URL"),
    "28": StoreFault("refuses the user", "put the right user and password in NCCO_DATABASE_URL, and check pg_hba.conf"),
    "3D": StoreFault("does not exist", "create it: createdb --owner=USER NAME"),
    "42501": StoreFault(
        "does not allow this user to write",
        "let the user own the database, or GRANT CREATE, USAGE ON SCHEMA public TO it",
    ),
    "53100": StoreFault("has a full disk", "free space on PostgreSQL's disk"),
    "53300": StoreFault("has too many connections", "raise max_connections, or use a pooler"),
    "55P03": StoreFault(
        "is locked by another transaction", "look in pg_stat_activity for a transaction that does not end"
    ),
    "57014": _SLOW,
    "57P01": StoreFault("is being stopped", "start it again"),
    "57P02": StoreFault("has crashed", "read PostgreSQL's log"),
    "57P03": StoreFault("is starting or stopping", "wait until it is running"),
    "XX001": StoreFault("is damaged", "restore a backup"),
    "XX002": StoreFault("has a damaged index", "REINDEX DATABASE"),
}
_OF_ROWS: Final = ("22", "23", "54")
"""They report invalid data, violated constraints, and exceeded limits."""

_ENDING: Final = ("57P01", "57P02", "57P03")
"""PostgreSQL closed the connection without running the statement."""

_CONFLICTS: Final = ("40001", "40P01")
_NO_START: Final = ("28", "3D", "42501")


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _fault(error: BaseException) -> StoreFault:
    if isinstance(error, TimeoutError):
        return _SLOW
    if is_lost(error):
        return _UNREACHABLE
    state = _state(error)
    return _FAULTS.get(state) or _FAULTS.get(state[:2]) or _OTHER


def is_lost(error: BaseException) -> bool:
    """Return whether a read can be repeated."""
    if isinstance(error, OSError | asyncpg.PostgresConnectionError) or _state(error) in _ENDING:
        return True
    is_ours = isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)
    return is_ours and not is_row_error(error)


def is_standby_error(error: BaseException) -> bool:
    return _state(error) == "25006"


def is_conflict(error: BaseException) -> bool:
    return _state(error) in _CONFLICTS


def is_row_error(error: BaseException) -> bool:
    is_refused_here = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return is_refused_here or _state(error)[:2] in _OF_ROWS


def _error_text(error: BaseException) -> str:
    """Leave out the values of a row."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if is_row_error(error) and not _state(error):
        return "a value is out of range"
    return str(error.args[0] if error.args and isinstance(error.args[0], str) else error).partition("\n")[0]


def refused(label: str, error: BaseException) -> StoreError:
    return StoreError(f"{label} refuses the write ({_error_text(error)})")


def own_error(label: str, error: Exception) -> Exception | None:
    """Return None if the database fails, and with it the whole group."""
    if is_row_error(error):
        return refused(label, error)
    return None if isinstance(error, DRIVER_ERRORS) else error


def unavailable(label: str, error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"{label} {_fault(error).message} ({_error_text(error)})")


def unusable(label: str, error: BaseException) -> StoreError:
    """Return StoreUnusable, or StoreUnavailable if a retry may succeed."""
    fault = _fault(error)
    state = _state(error)
    if state in _NO_START or state[:2] in _NO_START or isinstance(error, asyncpg.ClientConfigurationError):
        return StoreUnusable(f"{label} {fault.message} ({_error_text(error)})", fault.cure)
    return StoreUnavailable(f"{label} {fault.message} ({_error_text(error)})", fault.cure)
