"""Reads what the jobs of a server need: open calls, and ended calls whose results are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final

from ncco_server.store.database import Read, Row
from ncco_server.store.results import (
    NOTES,
    SELECT_BEHIND,
    SELECT_PROGRESS,
    SELECT_WEBHOOK_BEFORE,
    SELECT_WITHOUT_RESULT,
    ResultProgress,
)
from ncco_server.store.rows import (
    SESSION_COLUMNS,
    OpenCall,
    PastCall,
    PastNote,
    PastTurn,
    RevisionRow,
    Schema,
    SessionRow,
    WebhookRow,
)
from ncco_server.store.sql import ListSql, Sql

RESULTS_ADDED: Final = "0010"
"""The addition that creates the tables of results."""

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

SELECT_PAST_CALLS: Final = ListSql(f"SELECT key, {SESSION_COLUMNS} FROM calls WHERE key IN (%s)")

SELECT_PAST_TURNS: Final = ListSql("""
    SELECT call_key, number, heard, created_at, trace, ncco FROM turns WHERE call_key IN (%s)
""")

SELECT_NOTES: Final = ListSql(f"""
    SELECT call_key, key, kind, received_at, body
    FROM webhooks
    WHERE kind IN ({", ".join(f"'{kind}'" for kind in (*NOTES, "event-completed"))}) AND wait < 0 AND call_key IN (%s)
""")


class UpkeepReader:
    """Made by `Store.upkeep`."""

    def __init__(self, read: Read, schema: Schema) -> None:
        self._read = read
        self._has_results = RESULTS_ADDED not in schema.additions

    async def _results(self, sql: Sql, *values: object) -> list[Row]:
        """Return no rows if an older version made the database, without the tables of results."""
        return await self._read(sql, *values) if self._has_results else []

    async def _read_of(self, sql: ListSql, keys: Sequence[int], *values: object) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(keys), REPORTED):
            some = keys[start : start + REPORTED]
            found += await self._read(sql.of(len(some)), *values, *some)
        return found

    async def result_progress(self) -> ResultProgress | None:
        """Return None if no server has written results yet."""
        rows = await self._results(SELECT_PROGRESS)
        return ResultProgress(*rows[0]) if rows else None

    async def calls_behind(self, after: int, until: int, *, called_back_after: int) -> dict[int, int | None]:
        """Find ended calls whose result lacks what an older host wrote: key → reported end (milliseconds).

        Webhooks after `after` are searched, up to `until`, and call-backs after `called_back_after`.
        """
        rows = await self._results(SELECT_BEHIND, after, until, called_back_after)
        return {row[0]: row[1] for row in rows}

    async def calls_without_result(self, before: int, limit: int) -> list[int]:
        return [key for (key,) in await self._results(SELECT_WITHOUT_RESULT, before, limit)]

    async def last_webhook_before(self, after: int, moment: int, limit: int) -> int:
        """Of the first `limit` webhooks after a key, return the last key from before a moment (milliseconds)."""
        return max(after, int((await self._read(SELECT_WEBHOOK_BEFORE, after, moment, limit))[0][0]))

    async def past_calls(self, keys: Sequence[int]) -> list[PastCall]:
        turns = defaultdict[int, list[PastTurn]](list)
        for key, *turn in await self._read_of(SELECT_PAST_TURNS, keys):
            turns[key].append(PastTurn(*turn))
        notes = defaultdict[int, list[PastNote]](list)
        for key, *note in await self._read_of(SELECT_NOTES, keys):
            notes[key].append(PastNote(*note))
        return [
            PastCall(row[0], SessionRow.read(row[1:]), sorted(turns[row[0]]), sorted(notes[row[0]]))
            for row in await self._read_of(SELECT_PAST_CALLS, keys)
        ]

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
