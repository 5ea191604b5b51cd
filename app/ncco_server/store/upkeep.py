"""Reads what the jobs of a server need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from ncco_server.store.database import Read, Row
from ncco_server.store.rows import (
    OpenCall,
    RevisionRow,
    WebhookRow,
)
from ncco_server.store.sql import ListSql, Sql

SELECT_REVISION: Final = Sql("SELECT hash, flow, sources, created_at FROM revisions WHERE hash = $1")

SELECT_OPEN_REVISIONS: Final = Sql(
    """
    SELECT flow, revision, count(*)
    FROM (
        SELECT flow, revision FROM calls WHERE NOT is_over AND created_at >= $1 ORDER BY created_at DESC LIMIT $2
    ) AS newest
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
    """,
    sqlite="""
    SELECT flow, revision, count(*)
    FROM (SELECT flow, revision FROM calls WHERE is_over = 0 AND created_at >= $1 ORDER BY created_at DESC LIMIT $2)
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
    """,
)

COUNT_OPEN: Final = Sql(
    "SELECT count(*) FROM calls WHERE NOT is_over AND created_at >= $1",
    sqlite="SELECT count(*) FROM calls WHERE is_over = 0 AND created_at >= $1",
)

REPORTED: Final = 1_000

SELECT_OPEN_CALLS: Final = Sql(
    f"""
    SELECT {", ".join(OpenCall._fields)}
    FROM calls
    WHERE NOT is_over AND (created_at, key) > ($1, $2) AND created_at < $3
    ORDER BY created_at, key
    LIMIT $4
    """,
    sqlite=f"""
    SELECT {", ".join(OpenCall._fields)}
    FROM calls
    WHERE is_over = 0 AND (created_at, key) > ($1, $2) AND created_at < $3
    ORDER BY created_at, key
    LIMIT $4
    """,
)

SELECT_LAST_WEBHOOK: Final = Sql("SELECT coalesce(max(key), 0) FROM webhooks")

# The `completed` webhooks that arrived before the call of their leg was stored, if that call is still open.
SELECT_EARLY_ENDS: Final = Sql(
    f"""
    SELECT {", ".join(WebhookRow._fields)}
    FROM webhooks
    WHERE key > $1 AND key <= $2 AND call_key IS NULL AND kind = 'event-completed' AND leg <> '' AND (
        EXISTS (SELECT 1 FROM calls WHERE id = webhooks.leg AND leg = id AND NOT is_over)
        OR EXISTS (
            SELECT 1 FROM calls
            WHERE left(leg, 200) = left(webhooks.leg, 200) AND leg = webhooks.leg AND leg <> id AND NOT is_over
        )
    )
    ORDER BY key
    """,
    sqlite=f"""
    SELECT {", ".join(WebhookRow._fields)}
    FROM webhooks
    WHERE key > $1 AND key <= $2 AND call_key IS NULL AND kind = 'event-completed' AND leg <> '' AND (
        EXISTS (SELECT 1 FROM calls WHERE id = webhooks.leg AND leg = id AND is_over = 0)
        OR EXISTS (SELECT 1 FROM calls WHERE leg = webhooks.leg AND leg <> id AND is_over = 0)
    )
    ORDER BY key
    """,
)


class UpkeepReader:
    """Made by `Store.upkeep`."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def _read_of(self, sql: ListSql, keys: Sequence[int], *values: object) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(keys), REPORTED):
            some = keys[start : start + REPORTED]
            found += await self._read(sql.of(len(some)), *values, *some)
        return found

    async def open_calls(self, after: tuple[int, int], before: int) -> AsyncIterator[OpenCall]:
        """Sort by start (milliseconds) and key: from the call after `after` to the last before `before`."""
        while rows := await self._read(SELECT_OPEN_CALLS, *after, before, REPORTED):
            calls = [OpenCall._make(row) for row in rows]
            for call in calls:
                yield call
            after = calls[-1].created_at, calls[-1].key

    async def last_webhook(self) -> int:
        """Return 0 if there are no webhooks."""
        return int((await self._read(SELECT_LAST_WEBHOOK))[0][0])

    async def early_ends(self, after: int, until: int) -> list[WebhookRow]:
        return [WebhookRow._make(row) for row in await self._read(SELECT_EARLY_ENDS, after, until)]

    async def count_open(self, since: int) -> int:
        return int((await self._read(COUNT_OPEN, since))[0][0])

    async def open_revisions(self, since: int, most: int) -> list[tuple[str, str, int]]:
        """Flow, revision and number of calls, of the newest calls (at most `most`) that began at or after `since`."""
        found = await self._read(SELECT_OPEN_REVISIONS, since, most)
        return [(flow, revision, int(calls)) for flow, revision, calls in found]

    async def revision(self, hash_: str) -> RevisionRow | None:
        rows = await self._read(SELECT_REVISION, hash_)
        return RevisionRow(*rows[0]) if rows else None
