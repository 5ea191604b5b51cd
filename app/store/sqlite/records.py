"""Reads the calls of a SQLite file beside whoever writes it: the file is opened for reading alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.errors import StoreUnavailable, StoreUnusable
from app.store.contract import RevisionRow, TurnRow, WebhookRow
from app.store.records import ANY, FAILURE, NEAR, CallRow, Timeline, Wanted
from app.store.sqlite.faults import is_busy, unusable
from app.store.sqlite.hook_statements import SELECT_HOOKS_OF_SESSION, hook_row
from app.store.sqlite.opening import SCHEMAS, VERSION_TABLE, Connect
from app.store.sqlite.reader import Reader
from app.store.sqlite.statements import SELECT_REVISION, session_row
from app.store.texts import unicode

READABLE: Final = SCHEMAS[1:]
"""Schemas that the statements below can read."""

_CALL: Final = """
    SELECT key, id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at,
        (SELECT count(*) FROM turns WHERE call_key = calls.key),
        EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND instr(trace, :failure))
    FROM calls
"""

# Keys grow with time: the newest call that is too old ends the search.
SELECT_CALLS: Final = f"""
    {_CALL}
    WHERE key < :before
        AND key > CASE
            WHEN :since = 0 THEN -1
            ELSE coalesce((SELECT key FROM calls WHERE created_at < :since ORDER BY key DESC LIMIT 1), -1)
        END
        AND (:flow = '' OR flow = :flow)
        AND (NOT :is_open OR is_over = 0)
        AND (:number = X'' OR instr(state, :number))
        AND (NOT :has_failed OR EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND instr(trace, :failure)))
    ORDER BY key DESC
    LIMIT :limit
"""  # noqa: S608 - constants

COUNT_OPEN: Final = "SELECT count(*) FROM calls WHERE is_over = 0 AND created_at >= ?"

SELECT_CALL: Final = f"{_CALL} WHERE id = :id"

SELECT_CALLS_LIKE: Final = f"{_CALL} WHERE id >= :id AND id < :end ORDER BY id LIMIT :limit"

SELECT_TURNS: Final = """
    SELECT number, ncco, trace, inputs, webhook, cause_turn, cause_wait, cause_status, created_at
    FROM turns
    WHERE call_key = ?
    ORDER BY number
"""

_WEBHOOK: Final = "key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at"

SELECT_WEBHOOKS: Final = f"SELECT {_WEBHOOK} FROM webhooks WHERE call_key = ? ORDER BY key"  # noqa: S608 - constants

SELECT_NEAR: Final = f"""
    SELECT {_WEBHOOK}
    FROM webhooks
    WHERE key BETWEEN ? AND ? AND call_key IS NULL AND session IN (?, ?) AND session <> ''
    ORDER BY key
"""  # noqa: S608 - constants

NEWEST: Final = 2**63 - 1


class SqliteRecords:
    """Reads one file.

    Args:
        path: the file, which is there.
        busy_ms: how long to wait for another process that holds it alone.
    """

    def __init__(self, path: Path, busy_ms: int = 1_500) -> None:
        self.path = path
        self._busy_ms = busy_ms
        self._reader: Reader | None = None

    async def open(self) -> None:
        """Connect, and see that the file is one of ours. Raises StoreUnusable, StoreUnavailable."""
        path = await asyncio.to_thread(self.path.absolute)
        await asyncio.to_thread(_require_file, path)
        reader = Reader(path, _connector(path), self._busy_ms)
        try:
            _require_readable(path, await _schema(reader))
        except StoreUnavailable as error:
            reader.close()
            cause = error.__cause__
            if not isinstance(cause, sqlite3.Error) or is_busy(cause):
                raise
            raise unusable(path, cause) from cause
        except StoreUnusable:
            reader.close()
            raise
        self._reader = reader

    async def close(self) -> None:
        """Let go of the file."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    async def calls(self, limit: int, before: int | None = None, wanted: Wanted = ANY) -> list[CallRow]:
        """Up to `limit` calls, newest first."""
        values = {
            "before": NEWEST if before is None else before,
            "since": wanted.since,
            "flow": unicode(wanted.flow),
            "is_open": wanted.is_open,
            "number": wanted.number.encode(),
            "has_failed": wanted.has_failed,
            "failure": FAILURE,
            "limit": limit,
        }
        return [_call_row(row) for row in await self._read(SELECT_CALLS, values)]

    async def count_open(self, since: int) -> int:
        """How many calls that began since then are not over; counted in another thread.

        On a connection of its own: whoever stops waiting closes these records, and the process ends with a fault of
        its memory when the connection is closed on which another thread counts.
        """
        if self._reader is None:
            raise StoreUnavailable(f"{self.path} is not open")
        return await asyncio.to_thread(self._count, since)

    def _count(self, since: int) -> int:
        path = self.path.absolute()
        reader = Reader(path, _connector(path), self._busy_ms)
        try:
            return int(asyncio.run(reader.read(COUNT_OPEN, (since,)))[0][0])
        finally:
            reader.close()

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this id, or those whose ids begin so."""
        id_ = unicode(name)
        found = await self._read(SELECT_CALL, {"id": id_, "failure": FAILURE})
        if not found and id_:
            values = {"id": id_, "end": f"{id_}\U0010ffff", "failure": FAILURE, "limit": limit}
            found = await self._read(SELECT_CALLS_LIKE, values)
        return [_call_row(row) for row in found]

    async def timeline(self, session: str) -> Timeline | None:
        """Everything of one call, or None."""
        found = await self._read(SELECT_CALL, {"id": unicode(session), "failure": FAILURE})
        if not found:
            return None
        call = _call_row(found[0])
        turns = [TurnRow(call.session.id, *row) for row in await self._read(SELECT_TURNS, (call.key,))]
        hooks = [hook_row(row) for row in await self._read(SELECT_HOOKS_OF_SESSION, (unicode(session),))]
        return Timeline(call, await self._webhooks(call), tuple(turns), tuple(hooks))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._read(SELECT_REVISION, (unicode(hash_),))
        return RevisionRow(*rows[0]) if rows else None

    async def _webhooks(self, call: CallRow) -> tuple[WebhookRow, ...]:
        rows = await self._read(SELECT_WEBHOOKS, (call.key,))
        if rows:
            near = (rows[0][0] - NEAR, min(rows[-1][0] + NEAR, rows[0][0] + 10 * NEAR))
            rows += await self._read(SELECT_NEAR, (*near, unicode(call.session.id), unicode(call.session.leg)))
        return tuple(WebhookRow(*row[1:]) for row in sorted(rows, key=lambda row: row[0]))

    async def _read(self, sql: str, values: Any) -> list[tuple[Any, ...]]:
        if self._reader is None:
            raise StoreUnavailable(f"{self.path} is not open")
        return await self._reader.read(sql, values)


def _call_row(row: Sequence[Any]) -> CallRow:
    return CallRow(row[0], session_row(row[1:11]), row[11], bool(row[12]))


def _connector(path: Path) -> Connect:
    address = f"{path.as_uri()}?mode=ro"

    def connect(busy_ms: int) -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)

    return connect


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise StoreUnusable(f"there is no database at {path}", "name the file of the server in NCCO_DATABASE_URL")


async def _schema(reader: Reader) -> str | None:
    """The schema that the file says it has; "" when it holds nothing at all, None when it is not one of ours."""
    names = {row[0] for row in await reader.read("SELECT name FROM sqlite_master", ())}
    if VERSION_TABLE not in names:
        return None if names else ""
    rows = await reader.read(f"SELECT version_num FROM {VERSION_TABLE}", ())  # noqa: S608 - a constant
    return str(rows[0][0]) if rows else ""


def _require_readable(path: Path, schema: str | None) -> None:
    if schema is None:
        raise StoreUnusable(f"{path} is a database of another program", "name another file in NCCO_DATABASE_URL")
    if schema == "":
        raise StoreUnusable(
            f"{path} is empty", "start the server on it once, or name another file in NCCO_DATABASE_URL"
        )
    if schema in SCHEMAS and schema not in READABLE:
        cure = "start the server on it once, which brings it to the newest schema"
        raise StoreUnusable(f"{path} has the old schema {schema}", cure)
    if schema not in READABLE:
        cure = "use the newer version that made it, or name another file in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{path} has schema {schema}, and this version knows none after {SCHEMAS[-1]}", cure)
