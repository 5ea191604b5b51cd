"""Reads the calls of a PostgreSQL database beside the servers that write it. It writes nothing, not even a schema."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.errors import StoreError, StoreUnavailable, StoreUnusable
from app.store.address import Address
from app.store.contract import RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.postgres import faults
from app.store.postgres.connecting import CONNECT_S, connect
from app.store.postgres.outbox import SELECT_HOOKS_OF_SESSION, hook_row
from app.store.postgres.pool import Pool
from app.store.postgres.schema import found_schema
from app.store.postgres.statements import SELECT_REVISION
from app.store.postgres.texts import read, stored
from app.store.records import ANY, FAILURE, NEAR, CallRow, Timeline, Wanted

if TYPE_CHECKING:
    import asyncpg

_CALL: Final = """
    SELECT key, id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at,
        (SELECT count(*) FROM turns WHERE call_key = calls.key),
        EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND position($1::bytea IN trace) > 0)
    FROM calls
"""

# Keys grow with time: the newest call that is too old ends the search.
SELECT_CALLS: Final = f"""
    {_CALL}
    WHERE key < $2
        AND key > CASE
            WHEN $3::bigint = 0 THEN -1
            ELSE coalesce((SELECT key FROM calls WHERE created_at < $3::bigint ORDER BY key DESC LIMIT 1), -1)
        END
        AND ($4 = '' OR flow = $4)
        AND (NOT $5 OR NOT is_over)
        AND ($6::bytea = '' OR position($6::bytea IN state) > 0)
        AND (NOT $7 OR EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND position($1::bytea IN trace) > 0))
    ORDER BY key DESC
    LIMIT $8
"""  # noqa: S608 - constants

COUNT_OPEN: Final = "SELECT count(*) FROM calls WHERE NOT is_over AND created_at >= $1"

SELECT_CALL: Final = f"{_CALL} WHERE id = $2"

SELECT_CALLS_LIKE: Final = f"{_CALL} WHERE id >= $2 AND id < $3 ORDER BY id LIMIT $4"

SELECT_TURNS: Final = """
    SELECT number, ncco, trace, inputs, webhook, cause_turn, cause_wait, cause_status, created_at
    FROM turns
    WHERE call_key = $1
    ORDER BY number
"""

_WEBHOOK: Final = "key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at"

SELECT_WEBHOOKS: Final = f"SELECT {_WEBHOOK} FROM webhooks WHERE call_key = $1 ORDER BY key"  # noqa: S608 - constants

SELECT_NEAR: Final = f"""
    SELECT {_WEBHOOK}
    FROM webhooks
    WHERE key BETWEEN $1 AND $2 AND call_key IS NULL AND session IN ($3, $4) AND session <> ''
    ORDER BY key
"""  # noqa: S608 - constants

NEWEST: Final = 2**63 - 1

LIMIT_S: Final = 30.0
"""Seconds that a search may take: no caller waits for it."""


class PostgresRecords:
    """Reads one database.

    Args:
        address: of the database.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect, and see that the database is one of ours. Raises StoreUnusable, StoreUnavailable."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await _require_ours(self._address)
        except StoreError:
            raise
        except Exception as error:
            raise faults.unusable(self._address.label, error) from error
        pool = Pool(self._address, 1, statement_s=LIMIT_S)
        await pool.open()
        self._pool = pool

    async def close(self) -> None:
        """Let go of the database."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def calls(self, limit: int, before: int | None = None, wanted: Wanted = ANY) -> list[CallRow]:
        """Up to `limit` calls, newest first."""
        newest = NEWEST if before is None else before
        about = (newest, wanted.since, stored(wanted.flow), wanted.is_open, wanted.number.encode(), wanted.has_failed)
        return [_call_row(row) for row in await self._read(SELECT_CALLS, FAILURE, *about, limit)]

    async def count_open(self, since: int) -> int:
        """How many calls that began since then are not over."""
        return int((await self._read(COUNT_OPEN, since))[0][0])

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this id, or those whose ids begin so."""
        id_ = stored(name)
        found = await self._read(SELECT_CALL, FAILURE, id_)
        if not found and id_:
            found = await self._read(SELECT_CALLS_LIKE, FAILURE, id_, f"{id_}\U0010ffff", limit)
        return [_call_row(row) for row in found]

    async def timeline(self, session: str) -> Timeline | None:
        """Everything of one call, or None."""
        found = await self._read(SELECT_CALL, FAILURE, stored(session))
        if not found:
            return None
        call = _call_row(found[0])
        turns = [_turn_row(call.session.id, row) for row in await self._read(SELECT_TURNS, call.key)]
        hooks = [hook_row(row) for row in await self._read(SELECT_HOOKS_OF_SESSION, stored(session))]
        return Timeline(call, await self._webhooks(call), tuple(turns), tuple(hooks))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._read(SELECT_REVISION, stored(hash_))
        return RevisionRow(read(rows[0][0]), read(rows[0][1]), rows[0][2], rows[0][3]) if rows else None

    async def _webhooks(self, call: CallRow) -> tuple[WebhookRow, ...]:
        rows = await self._read(SELECT_WEBHOOKS, call.key)
        if rows:
            first, last = rows[0][0], rows[-1][0]
            names = (stored(call.session.id), stored(call.session.leg))
            rows += await self._read(SELECT_NEAR, first - NEAR, min(last + NEAR, first + 10 * NEAR), *names)
        return tuple(_webhook_row(row) for row in sorted(rows, key=lambda row: int(row[0])))

    async def _read(self, sql: str, *values: object) -> list[asyncpg.Record]:
        if self._pool is None:
            raise StoreUnavailable(f"{self._address.label} is not open")
        return await self._pool.read(sql, *values, limit_s=LIMIT_S)


async def _require_ours(address: Address) -> None:
    connection = await connect(address)
    try:
        if not await found_schema(connection, address.label):
            raise StoreUnusable(f"{address.label} is empty", "name the server's database in NCCO_DATABASE_URL")
    finally:
        connection.terminate()


def _texts(values: Sequence[object]) -> list[object]:
    return [read(value) if isinstance(value, str) else value for value in values]


def _call_row(row: asyncpg.Record) -> CallRow:
    key, *session, turns, has_failed = row
    return CallRow(key, SessionRow(*_texts(session)), turns, has_failed)  # type: ignore[arg-type]  # as selected


def _turn_row(session: str, row: asyncpg.Record) -> TurnRow:
    return TurnRow(session, *_texts(tuple(row)))  # type: ignore[arg-type]  # as selected


def _webhook_row(row: asyncpg.Record) -> WebhookRow:
    return WebhookRow(*_texts(tuple(row)[1:]))  # type: ignore[arg-type]  # as selected
