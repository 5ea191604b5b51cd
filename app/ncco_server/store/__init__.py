"""Stores calls, turns, webhooks, flow revisions, unsent hooks and recordings."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ncco_server.errors import AlreadyOpen, Conflict, RowChanged, RowTaken, StoreError, StoreUnavailable, StoreUnusable
from ncco_server.store.address import read_address
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.store.backups import BackupRow, Backups
from ncco_server.store.database import Database, give_way
from ncco_server.store.function_results import FunctionResultRow, FunctionResults
from ncco_server.store.leases import LeaseRow, Leases
from ncco_server.store.placed import (
    ANY_PLACED,
    COMPLETED,
    AttemptResult,
    AttemptRow,
    Begun,
    CalledCounts,
    Origin,
    PlacedCalls,
    PlacedCounts,
    PlacedFilter,
    PlacedRow,
    PlacingControl,
    PlacingLimits,
)
from ncco_server.store.recordings import (
    ANY_RECORDING,
    RecordingCounts,
    RecordingFilter,
    RecordingKind,
    RecordingRow,
    Recordings,
    RecordingState,
)
from ncco_server.store.records import Records, SummedCalls
from ncco_server.store.results import (
    LOST,
    QUARTER_MS,
    EndOfCall,
    ResultRow,
    Results,
)
from ncco_server.store.rows import (
    ANY_CALL,
    CallFilter,
    CallRow,
    ConnectStatus,
    Forgotten,
    HookCounts,
    HookRow,
    OpenCall,
    ReportedCall,
    RevisionRow,
    Schema,
    SessionRow,
    Timeline,
    TurnRow,
    WebhookRow,
    milliseconds,
    moment_of,
)
from ncco_server.store.sql import Sql
from ncco_server.store.sqlite import SqliteDatabase
from ncco_server.store.store import Store
from ncco_server.table_rows import RowChange

__all__ = [
    "ANY_CALL",
    "ANY_PLACED",
    "ANY_RECORDING",
    "COMPLETED",
    "LOST",
    "QUARTER_MS",
    "AlreadyOpen",
    "ApiKeyRow",
    "AttemptResult",
    "AttemptRow",
    "BackupRow",
    "Backups",
    "Begun",
    "CallFilter",
    "CallRow",
    "CalledCounts",
    "Conflict",
    "ConnectStatus",
    "EndOfCall",
    "Forgotten",
    "FunctionResultRow",
    "FunctionResults",
    "HookCounts",
    "HookRow",
    "LeaseRow",
    "Leases",
    "OpenCall",
    "Origin",
    "PlacedCalls",
    "PlacedCounts",
    "PlacedFilter",
    "PlacedRow",
    "PlacingControl",
    "PlacingLimits",
    "RecordingCounts",
    "RecordingFilter",
    "RecordingKind",
    "RecordingRow",
    "RecordingState",
    "Recordings",
    "Records",
    "ReportedCall",
    "ResultRow",
    "Results",
    "RevisionRow",
    "RowChange",
    "RowChanged",
    "RowTaken",
    "Schema",
    "SessionRow",
    "Sql",
    "SqliteDatabase",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoreUnusable",
    "SummedCalls",
    "Timeline",
    "TurnRow",
    "WebhookRow",
    "give_way",
    "milliseconds",
    "moment_of",
    "open_store",
]

_CURE = (
    "write sqlite:///calls.db (a file in the working directory), sqlite:////var/lib/ncco/calls.db, "
    "postgresql://user:password@host/database, or memory://"
)


def open_store(url: str) -> Store:
    """Make a store, without opening it. Raises ValueError with the fix.

    The path after `sqlite:///` is literal, without escapes or options. `memory://` lasts until the process ends.
    """
    scheme, found, rest = url.strip().partition("://")
    if not found:
        raise ValueError(f"a database URL starts with a scheme and ://; {_CURE}")
    match scheme.lower():
        case "sqlite":
            return Store(SqliteDatabase(_file(rest)))
        case "postgresql" | "postgres":
            return Store(_postgres(url))
        case "memory" if rest in ("", "/"):
            return Store(SqliteDatabase())
        case "memory":
            raise ValueError("memory:// takes no path; write memory://")
        case _:
            raise ValueError(f"this version does not support {scheme}://; {_CURE}")


def _postgres(url: str) -> Database:
    address = read_address(url)
    try:
        module = import_module("ncco_server.store.postgres")
    except ModuleNotFoundError as missing:
        if missing.name != "asyncpg":
            raise
        cure = 'run pip install ".[postgres]" in a copy of the repository'
        raise ValueError(f"PostgreSQL needs its driver; {cure}") from missing
    database: Database = module.PostgresDatabase(address)
    return database


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
