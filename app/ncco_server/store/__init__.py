"""Stores calls, turns, webhooks, flow revisions, unsent hooks and recordings."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from ncco_server.errors import AlreadyOpen as AlreadyOpen
from ncco_server.errors import Conflict as Conflict
from ncco_server.errors import RowChanged as RowChanged
from ncco_server.errors import RowTaken as RowTaken
from ncco_server.errors import StoreError as StoreError
from ncco_server.errors import StoreUnavailable as StoreUnavailable
from ncco_server.moments import milliseconds as milliseconds
from ncco_server.moments import moment_of as moment_of
from ncco_server.store.address import read_address
from ncco_server.store.api_keys import ApiKeyRow as ApiKeyRow
from ncco_server.store.backups import BackupRow as BackupRow
from ncco_server.store.backups import Backups as Backups
from ncco_server.store.calls import NOTHING_CAUSED as NOTHING_CAUSED
from ncco_server.store.calls import Caused as Caused
from ncco_server.store.changes import ChangeRow as ChangeRow
from ncco_server.store.database import Database
from ncco_server.store.database import give_way as give_way
from ncco_server.store.function_results import FunctionResultRow as FunctionResultRow
from ncco_server.store.placed import PlacedCalls as PlacedCalls
from ncco_server.store.placed_rows import COMPLETED as COMPLETED
from ncco_server.store.placed_rows import AttemptResult as AttemptResult
from ncco_server.store.placed_rows import AttemptRow as AttemptRow
from ncco_server.store.placed_rows import Begun as Begun
from ncco_server.store.placed_rows import CalledCounts as CalledCounts
from ncco_server.store.placed_rows import Origin as Origin
from ncco_server.store.placed_rows import PlacedCounts as PlacedCounts
from ncco_server.store.placed_rows import PlacedFilter as PlacedFilter
from ncco_server.store.placed_rows import PlacedRow as PlacedRow
from ncco_server.store.placed_rows import PlacingControl as PlacingControl
from ncco_server.store.placed_rows import PlacingLimits as PlacingLimits
from ncco_server.store.recordings import RecordingCounts as RecordingCounts
from ncco_server.store.recordings import RecordingFilter as RecordingFilter
from ncco_server.store.recordings import RecordingKind as RecordingKind
from ncco_server.store.recordings import RecordingRow as RecordingRow
from ncco_server.store.recordings import Recordings as Recordings
from ncco_server.store.records import Records as Records
from ncco_server.store.records import SummedCalls as SummedCalls
from ncco_server.store.results import LOST as LOST
from ncco_server.store.results import QUARTER_MS as QUARTER_MS
from ncco_server.store.results import EndOfCall as EndOfCall
from ncco_server.store.results import ResultRow as ResultRow
from ncco_server.store.rows import ANY_CALL as ANY_CALL
from ncco_server.store.rows import CallFilter as CallFilter
from ncco_server.store.rows import CallRow as CallRow
from ncco_server.store.rows import ConnectStatus as ConnectStatus
from ncco_server.store.rows import Forgotten as Forgotten
from ncco_server.store.rows import HookCounts as HookCounts
from ncco_server.store.rows import HookRow as HookRow
from ncco_server.store.rows import OpenCall as OpenCall
from ncco_server.store.rows import ReportedCall as ReportedCall
from ncco_server.store.rows import RevisionRow as RevisionRow
from ncco_server.store.rows import Schema as Schema
from ncco_server.store.rows import SessionRow as SessionRow
from ncco_server.store.rows import Timeline as Timeline
from ncco_server.store.rows import TurnRow as TurnRow
from ncco_server.store.rows import WebhookRow as WebhookRow
from ncco_server.store.sql import Sql as Sql
from ncco_server.store.sqlite import SqliteDatabase as SqliteDatabase
from ncco_server.store.store import Store as Store
from ncco_server.table_rows import RowChange as RowChange

_CURE = (
    "write sqlite:///calls.db (a file in the working directory), sqlite:////var/lib/ncco/calls.db, "
    "postgresql://user:password@host/database, or memory://"
)


def open_store(url: str) -> Store:
    """Make a store, without opening it. Raises ValueError with the fix.

    The path after `sqlite:///` is literal, without escapes or options. `memory://` lasts until the process ends.
    """
    file = database_file(url)
    if file is not None or url.strip().lower().startswith("memory:"):
        return Store(SqliteDatabase(file))
    database: Database = _postgres_module().PostgresDatabase(read_address(url))
    return Store(database)


def database_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another one. Raises ValueError with the fix."""
    scheme, found, rest = url.strip().partition("://")
    if not found:
        raise ValueError(f"a database URL starts with a scheme and ://; {_CURE}")
    match scheme.lower():
        case "sqlite":
            return _file(rest)
        case "postgresql" | "postgres":
            read_address(url)
            _postgres_module()
        case "memory":
            if rest not in ("", "/"):
                raise ValueError("memory:// takes no path; write memory://")
        case _:
            raise ValueError(f"this version does not support {scheme}://; {_CURE}")
    return None


def _postgres_module() -> ModuleType:
    try:
        return import_module("ncco_server.store.postgres")
    except ModuleNotFoundError as missing:
        if missing.name != "asyncpg":
            raise
        cure = 'run pip install ".[postgres]" in a copy of the repository, or add [postgres] to the wheel'
        raise ValueError(f"PostgreSQL needs its driver; {cure}") from missing


def _file(rest: str) -> Path:
    if not rest.startswith("/"):
        raise ValueError(f"sqlite:// takes no host, so a third slash comes before the path; {_CURE}")
    name = rest.removeprefix("/")
    if name in ("", "/", ".", ":memory:"):
        raise ValueError(f"sqlite:/// needs the name of a file; {_CURE}")
    if name.endswith("/"):
        raise ValueError(f"{name} is the name of a folder; write sqlite:///{name}calls.db")
    if "?" in name or "\0" in name:
        raise ValueError(f"this database URL takes no options and no control characters; {_CURE}")
    try:
        return Path(name).expanduser() if name.startswith("~/") else Path(name)
    except RuntimeError as error:
        raise ValueError(f"this user has no home folder for ~; {_CURE}") from error
