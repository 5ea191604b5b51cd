"""Reads recorded calls, for commands that run beside a server. Read-only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from ncco_server.store.database import Read, Row
from ncco_server.store.placed import SELECT_CONTROL, PlacingControl
from ncco_server.store.recordings import RECORDINGS_TABLE
from ncco_server.store.results import (
    COUNT_RESULTS,
    COUNT_RETURNED,
    FAILURE_IN_0_2,
    NOTES,
    QUARTER_MS,
    RESULTS_TABLE,
    SELECT_BEHIND,
    SELECT_DIFFERENCES,
    SELECT_FIRST_SINCE,
    SELECT_LINES,
    SELECT_MISSED,
    SELECT_OLDEST_CHANGE,
    SELECT_OWN,
    SELECT_PROGRESS,
    SELECT_RESULTS_BETWEEN,
    SELECT_RESULTS_OF,
    SELECT_RETURNED,
    SELECT_WEBHOOK_BEFORE,
    SELECT_WITHOUT_RESULT,
    SUM_BY_LINE,
    SUM_BY_START,
    ResultProgress,
    ResultRow,
    SummedCalls,
    comparable_since,
    has_failed,
    last_before,
    read_result,
    whole_days,
)
from ncco_server.store.rows import (
    ANY_CALL,
    HOOK_COLUMNS,
    SESSION_COLUMNS,
    CallFilter,
    CallRow,
    ConnectStatus,
    HookRow,
    OpenCall,
    PastCall,
    PastNote,
    PastTurn,
    ReportedCall,
    RevisionRow,
    Schema,
    SessionRow,
    Timeline,
    TurnRow,
    WebhookRow,
)
from ncco_server.store.sql import Dialect, ListSql, Sql, contains, has_word

FAILURES: Final = "0002"
"""The version of the schema's additions that introduced `turns.has_failed`."""

RESULTS_ADDED: Final = "0010"
"""The version of the schema's additions that introduced results."""

MOST_MATCHES: Final = 2_000
"""If at least this many calls have a number with the digits of a search, the newest calls are searched instead."""

FEW_LINES: Final = 20
"""Up to this many lines are searched for one by one, because the newest calls of one line are found at once."""

NEAR: Final = 2_000
"""How many webhooks before a call's first one, and after its last one, are searched for more webhooks of the call.

Vonage may send `started` and `ringing` before it requests the NCCO. These webhooks are then stored without a call.
"""

_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII without control characters, quotes and backslashes."""

_CALL: Final = f"SELECT key, {SESSION_COLUMNS}, (SELECT count(*) FROM turns WHERE call_key = calls.key)"

SELECT_REVISION: Final = Sql("SELECT hash, flow, sources, created_at FROM revisions WHERE hash = $1")

SELECT_HOOKS_OF_SESSION: Final = Sql(
    f"SELECT {HOOK_COLUMNS} FROM hooks WHERE session = $1 ORDER BY is_parked DESC, key"
)

# SQLite's indexes of open calls have the condition `is_over = 0`, and it only uses them for the same condition.
_IS_OPEN: Final[dict[Dialect, str]] = {"postgres": "NOT is_over", "sqlite": "is_over = 0"}

SELECT_OPEN_REVISIONS: Final = Sql(
    """
    SELECT flow, revision, count(*)
    FROM calls
    WHERE NOT is_over AND created_at >= $1
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
    """,
    sqlite="""
    SELECT flow, revision, count(*)
    FROM calls
    WHERE is_over = 0 AND created_at >= $1
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
    """,
)

# A server runs this query too; the index by time makes it fast.
SELECT_KEPT_RECORDINGS: Final = Sql(f"""
    SELECT id FROM {RECORDINGS_TABLE} WHERE state = 'kept' AND deleted_at IS NULL ORDER BY created_at DESC LIMIT $1
""")

COUNT_OPEN: Final = Sql(
    "SELECT count(*) FROM calls WHERE NOT is_over AND created_at >= $1",
    sqlite="SELECT count(*) FROM calls WHERE is_over = 0 AND created_at >= $1",
)

SELECT_TURNS: Final = Sql(f"SELECT {', '.join(TurnRow._fields[1:10])} FROM turns WHERE call_key = $1 ORDER BY number")

_WEBHOOK: Final = f"key, {', '.join(WebhookRow._fields)}"

SELECT_WEBHOOKS: Final = Sql(f"SELECT {_WEBHOOK} FROM webhooks WHERE call_key = $1 ORDER BY key")

SELECT_NEAR: Final = Sql(f"""
    SELECT {_WEBHOOK}
    FROM webhooks
    WHERE key BETWEEN $1 AND $2 AND call_key IS NULL
        AND (session IN ($3, $4) AND session <> '' OR kind = 'error' AND conversation = $5 AND conversation <> '')
    ORDER BY key
""")


CLOCKS_MS: Final = 3_600_000
"""Maximum clock difference between hosts, in milliseconds. Apart from this difference, keys grow with time."""

REPORTED: Final = 1_000
"""How many calls are read at once."""

SELECT_REPORTED: Final = Sql("""
    SELECT key, flow, leg, state, is_over, created_at, updated_at FROM calls WHERE key < $1 ORDER BY key DESC LIMIT $2
""")

SELECT_TRACES: Final = Sql("SELECT call_key, trace FROM turns WHERE call_key BETWEEN $1 AND $2")

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

SELECT_OPEN_SESSIONS: Final = Sql(
    f"""
    SELECT key, {SESSION_COLUMNS}
    FROM calls
    WHERE NOT is_over AND created_at >= $1 AND created_at < $2
    ORDER BY created_at, key
    """,
    sqlite=f"""
    SELECT key, {SESSION_COLUMNS}
    FROM calls
    WHERE is_over = 0 AND created_at >= $1 AND created_at < $2
    ORDER BY created_at, key
    """,
)

_NEWEST_CHANGES: Final = f"""
    SELECT coalesce(sum(changed_at), 0) FROM (
        SELECT changed_at FROM {RESULTS_TABLE} ORDER BY call_key DESC LIMIT $2
    ) AS newest
"""

SELECT_VERSION: Final = Sql(
    f"""
    SELECT coalesce(max(key), 0),
        (SELECT coalesce(sum(version), 0) FROM calls WHERE NOT is_over AND created_at >= $1),
        ({_NEWEST_CHANGES})
    FROM calls
    """,
    sqlite=f"""
    SELECT coalesce(max(key), 0),
        (SELECT coalesce(sum(version), 0) FROM calls WHERE is_over = 0 AND created_at >= $1),
        ({_NEWEST_CHANGES})
    FROM calls
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

SELECT_CONNECT_STATUSES: Final = Sql("""
    SELECT call_key, turn, wait, status FROM webhooks WHERE call_key BETWEEN $1 AND $2 AND wait >= 0 AND status <> ''
""")


class Records:
    """Reads the contents of a store; made by `Store.records`. Every method may raise StoreUnavailable.

    Args:
        read: runs queries over its own connection.
        schema: the database's schema.
        dialect: the database's SQL.
    """

    def __init__(self, read: Read, schema: Schema, dialect: Dialect) -> None:
        self._read = read
        self._dialect = dialect
        self._has_results = RESULTS_ADDED not in schema.additions
        failed = has_failed(dialect)
        if FAILURES in schema.additions:
            failed = contains(dialect, "trace", f"'{FAILURE_IN_0_2}'")
        # For EXISTS, PostgreSQL would read the whole table at once.
        self._has_failed = f"(SELECT true FROM turns WHERE call_key = calls.key AND {failed} LIMIT 1) IS NOT NULL"
        lost = f"(SELECT ended_at IS NULL FROM {RESULTS_TABLE} WHERE call_key = calls.key)"
        self._select = f"{_CALL}, {self._has_failed}, {lost if self._has_results else 'false'} FROM calls"
        self._select_by_id = Sql(f"{self._select} WHERE id = $1")

    async def _results(self, sql: Sql, *values: object) -> list[Row]:
        """Run a query on the tables of results; no rows if an older version made the database."""
        return await self._read(sql, *values) if self._has_results else []

    async def _read_of(self, sql: ListSql, keys: Sequence[int], *values: object) -> list[Row]:
        """Run a query for these keys; returns all rows."""
        found: list[Row] = []
        for start in range(0, len(keys), REPORTED):
            some = keys[start : start + REPORTED]
            found += await self._read(sql.of(len(some)), *values, *some)
        return found

    async def calls(self, limit: int, before: int | None = None, wanted: CallFilter = ANY_CALL) -> list[CallRow]:
        """Up to `limit` calls, newest first, starting after the key `before` (None for the newest)."""
        if not wanted.needs_result:
            return await self._calls(limit, before, wanted)
        keys = await self._ended_keys(limit, before, wanted) if self._has_results else []
        rows = [_call_row(row) for row in await self._read_of(ListSql(f"{self._select} WHERE key IN (%s)"), keys)]
        if not (wanted.result or wanted.own):
            rows += await self._calls(limit, before, wanted, is_unended=True)
            if oldest := await self._oldest_result():  # older calls are searched one by one until they have results
                rows += await self._calls(limit, oldest if before is None else min(before, oldest), wanted)
        found = {row.key: row for row in rows}
        return [found[key] for key in sorted(found, reverse=True)[:limit]]

    async def _oldest_result(self) -> int:
        """Calls with smaller keys may have no result although they are over; 0 if there are none."""
        progress = await self.result_progress()
        return 1 << 62 if progress is None else progress.oldest

    async def _calls(
        self, limit: int, before: int | None, wanted: CallFilter, *, is_unended: bool = False
    ) -> list[CallRow]:
        """See `calls`; reads the calls themselves, newest first; with `is_unended`, only those not marked as over."""
        where = _Conditions()
        if before is not None:
            where.require(f"key < {where.mark(before)}")
        self._require_period(where, wanted)
        if wanted.flow:
            where.require(f"flow = {where.mark(wanted.flow)}")
        if wanted.number:
            where.require(contains(self._dialect, "state", where.mark(wanted.number.encode())))
        if wanted.is_open or is_unended:  # they are few; the newest calls would be searched for them one by one
            is_open = _IS_OPEN[self._dialect]
            where.require(
                f"key IN (SELECT key FROM calls WHERE {is_open} AND created_at >= {where.mark(wanted.since)})"
            )
        if wanted.is_open:
            where.require("leg <> ''")
        if wanted.has_failed:
            where.require(self._has_failed)
        sql = Sql(f"{self._select} WHERE {where.sql} ORDER BY key DESC LIMIT {where.mark(limit)}")
        return [_call_row(row) for row in await self._read(sql, *where.values)]

    def _require_period(self, where: _Conditions, wanted: CallFilter) -> None:
        """Add the conditions for the period. Keys grow with time, so the calls around the period limit the search."""
        if wanted.since:
            where.require(f"created_at >= {where.mark(wanted.since)}")
        if wanted.until:
            where.require(f"created_at < {where.mark(wanted.until)}")
        if wanted.since and self._has_results:
            where.require(f"key > {last_before(where.mark(wanted.since - CLOCKS_MS))}")
        if wanted.until and self._has_results:
            end = where.mark(wanted.until + CLOCKS_MS)
            newer = f"SELECT call_key FROM {RESULTS_TABLE} WHERE began_at >= {end} ORDER BY began_at LIMIT 1"
            where.require(f"key < coalesce(({newer}), {1 << 62})")

    async def _ended_keys(self, limit: int, before: int | None, wanted: CallFilter) -> list[int]:
        """The keys of up to `limit` ended calls that match a filter, newest first."""
        where = _Conditions()
        if before is not None:
            where.require(f"call_key < {where.mark(before)}")
        if wanted.since:
            where.require(f"call_key > {last_before(where.mark(wanted.since - CLOCKS_MS))}")
            where.require(f"began_at >= {where.mark(wanted.since)}")
        if wanted.until:
            where.require(f"began_at < {where.mark(wanted.until)}")
        if wanted.flow:
            where.require(f"flow = {where.mark(wanted.flow)}")
        if wanted.result:
            where.require(f"result = {where.mark(wanted.result)} AND is_last")
        if wanted.own:
            where.require(f"own = {where.mark(wanted.own)} AND own <> '' AND is_last")
        if wanted.has_failed:
            where.require("has_failed")
        if not wanted.number:
            return await self._newest(where, limit)
        return await self._keys_of_number(wanted.number, where, limit)

    async def _newest(self, where: _Conditions, limit: int) -> list[int]:
        sql = f"SELECT call_key FROM {RESULTS_TABLE} WHERE {where.sql} ORDER BY call_key DESC LIMIT {where.mark(limit)}"
        return [key for (key,) in await self._read(Sql(sql), *where.values)]

    async def _keys_of_number(self, number: str, where: _Conditions, limit: int) -> list[int]:
        """The keys of calls with a number that begins or ends with these digits, newest first.

        Few calls are found by an index of numbers; if the digits are those of many, the newest calls are searched.
        """
        ends = (("party", number), ("party_end", number[::-1]))
        keys = set[int]()
        for column, digits in ends:
            sql = Sql(f"SELECT call_key FROM {RESULTS_TABLE} WHERE {column} >= $1 AND {column} < $2 LIMIT $3")
            keys.update(key for (key,) in await self._read(sql, digits, _after(digits), MOST_MATCHES))
        if len(keys) < MOST_MATCHES:
            of_keys = f"SELECT call_key FROM {RESULTS_TABLE} WHERE {where.sql} AND call_key IN (%s)"
            found = {
                key for (key,) in await self._read_of(ListSql(of_keys, len(where.values)), list(keys), *where.values)
            }
        else:
            some = where.copy()
            some.require(
                " OR ".join(f"substr({column}, 1, {len(number)}) = {some.mark(each)}" for column, each in ends)
            )
            found = set(await self._newest(some, limit))
        lines = [line for (line,) in await self._read(SELECT_LINES) if line.startswith(number) or line.endswith(number)]
        for some_lines in [[line] for line in lines] if len(lines) <= FEW_LINES else [lines]:
            some = where.copy()
            some.require(f"line IN ({', '.join(map(some.mark, some_lines))})")
            found.update(await self._newest(some, limit))
        return sorted(found, reverse=True)[:limit]

    async def placing(self) -> PlacingControl:
        """Whether, and from when, calls may be placed."""
        rows = await self._read(SELECT_CONTROL)
        return PlacingControl._make(rows[0]) if rows else PlacingControl()

    async def reported(self, since: int, until: int) -> AsyncIterator[ReportedCall]:
        """The calls that began at `since` or later, but before `until` (milliseconds), newest first."""
        later = await self._results(SELECT_FIRST_SINCE, until + CLOCKS_MS)
        key = later[0][0] if later else 1 << 62
        while rows := await self._read(SELECT_REPORTED, key, REPORTED):
            for row in rows:
                call = ReportedCall._make(row)
                if call.created_at < since - CLOCKS_MS:
                    return
                if since <= call.created_at < until:
                    yield call
            key = rows[-1][0]

    async def results_between(self, first: int, last: int) -> list[ResultRow]:
        """The results of the calls between two keys."""
        return [read_result(row) for row in await self._results(SELECT_RESULTS_BETWEEN, first, last)]

    async def traces(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """The traces of the calls between two keys, each with the key of its call."""
        rows = await self._read(SELECT_TRACES, first, last)
        return [(key, bytes(trace)) for key, trace in rows]

    async def holding(self, word: str, keys: Sequence[int]) -> list[tuple[int, bytes]]:
        """The NCCOs and webhooks of calls that contain a word, each with its call's key.

        Only the longest ASCII part of the word is searched for, so some documents may not contain it.
        """
        found: list[Row] = []
        for table, column in (("turns", "ncco"), ("webhooks", "body")):
            holds = has_word(self._dialect, column, "$1")
            sql = ListSql(f"SELECT call_key, {column} FROM {table} WHERE {holds} AND call_key IN (%s)", 1)
            found += await self._read_of(sql, keys, _plain_part(word))
        return [(key, bytes(document)) for key, document in found]

    async def connect_statuses(self, first: int, last: int) -> list[ConnectStatus]:
        """The events of the parties dialled by the calls between two keys."""
        return [ConnectStatus(*row) for row in await self._read(SELECT_CONNECT_STATUSES, first, last)]

    async def version(self, since: int, limit: int) -> Row:
        """A value that changes whenever a call does.

        It depends on the open calls that began at `since` (milliseconds) or later, and the newest `limit` results.
        """
        return (await self._read(SELECT_VERSION, since, limit))[0]

    async def results_of(self, keys: Sequence[int]) -> list[ResultRow]:
        """The results of the calls with these keys that have one, sorted by key."""
        rows = [read_result(row) for row in await self._read_of(SELECT_RESULTS_OF, keys if self._has_results else ())]
        return sorted(rows, key=lambda row: row.call_key)

    async def result_sums(self, since: int, until: int, flow: str = "") -> list[SummedCalls]:
        """The incoming calls that began from `since` up to `until` (milliseconds; multiples of `QUARTER_MS`), counted.

        With `flow`, only calls that began in this flow.
        """
        first, end = since // QUARTER_MS, until // QUARTER_MS
        rows = await self._results(SUM_BY_LINE, first, end, *whole_days(first, end), flow)
        return [SummedCalls._make((*names, int(calls), int(ms))) for *names, calls, ms in rows]

    async def result_quarters(self, since: int, until: int, flow: str = "") -> list[tuple[int, str, int]]:
        """The same calls by the time at which they began: quarter of an hour (in milliseconds), result, and number."""
        rows = await self._results(SUM_BY_START, since // QUARTER_MS, until // QUARTER_MS, flow)
        return [(quarter * QUARTER_MS, result, int(calls)) for quarter, result, calls in rows]

    async def count_results(self, since: int, until: int) -> int:
        """The number of ended incoming calls that began from `since` up to `until` (milliseconds)."""
        rows = await self._results(COUNT_RESULTS, since, until)
        return int(rows[0][0]) if rows else 0

    async def missed(self, since: int) -> list[tuple[str, int]]:
        """The missed calls since a time (milliseconds) whose callers have neither got through nor been called back.

        Each is its caller (`ResultRow.party`) and its key. The latest call comes first. Calls from withheld numbers are
        included.
        """
        rows = await self._results(SELECT_MISSED, since, since - CLOCKS_MS)
        return [(party, key) for party, key in rows]

    async def own_results(self) -> list[str]:
        """The names of the flows' own results that calls have had, sorted."""
        return [name for (name,) in await self._results(SELECT_OWN)]

    async def returned(self, since: int, limit: int) -> list[ResultRow]:
        """Up to `limit` calls since a time (milliseconds) whose callers were called back, latest first."""
        return [read_result(row) for row in await self._results(SELECT_RETURNED, since, limit)]

    async def count_returned(self, since: int) -> int:
        """The number of calls since a time (milliseconds) whose callers were called back."""
        rows = await self._results(COUNT_RETURNED, since)
        return int(rows[0][0]) if rows else 0

    async def count_wrong_sums(self) -> int:
        """The number of sums that differ from the stored calls; see `Results.recount`. It reads all results."""
        (oldest,) = (await self._read(SELECT_OLDEST_CHANGE))[0]
        return len(await self._results(SELECT_DIFFERENCES, *comparable_since(oldest)))

    async def open_sessions(self, since: int, until: int) -> list[tuple[int, SessionRow]]:
        """The sessions that began from `since` up to `until` (milliseconds) and are not over, each with its key."""
        rows = await self._read(SELECT_OPEN_SESSIONS, since, until)
        return [(row[0], SessionRow.read(row[1:])) for row in rows]

    async def result_progress(self) -> ResultProgress | None:
        """How complete the results are; None if no server has looked yet."""
        rows = await self._results(SELECT_PROGRESS)
        return ResultProgress(*rows[0]) if rows else None

    async def calls_behind(self, after: int, until: int, *, called_back_after: int) -> dict[int, int | None]:
        """The keys of ended calls whose result lacks something that an older host wrote.

        Each has the time of its end, in milliseconds, if one of these webhooks reports it: those whose keys are greater
        than `after`, and at most `until`. Call-backs up to `called_back_after` are left out.
        """
        rows = await self._results(SELECT_BEHIND, after, until, called_back_after)
        return {row[0]: row[1] for row in rows}

    async def calls_without_result(self, before: int, limit: int) -> list[int]:
        """The keys of up to `limit` ended calls without a result, greatest first, smaller than `before`."""
        return [key for (key,) in await self._results(SELECT_WITHOUT_RESULT, before, limit)]

    async def last_webhook_before(self, after: int, moment: int, limit: int) -> int:
        """The greatest key of the `limit` webhooks after a key, if they arrived before a moment (milliseconds)."""
        return max(after, int((await self._read(SELECT_WEBHOOK_BEFORE, after, moment, limit))[0][0]))

    async def past_calls(self, keys: Sequence[int]) -> list[PastCall]:
        """The calls with these keys, with everything that decides their results."""
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
        """The calls that are not over, sorted by their start (milliseconds) and key.

        The result begins after the start and key in `after`, and ends with the last call that began before `before`.
        """
        while rows := await self._read(SELECT_OPEN_CALLS, *after, before, REPORTED):
            calls = [OpenCall._make(row) for row in rows]
            for call in calls:
                yield call
            after = calls[-1].created_at, calls[-1].key

    async def last_webhook(self) -> int:
        """The key of the newest webhook; 0 if there are no webhooks."""
        return int((await self._read(SELECT_LAST_WEBHOOK))[0][0])

    async def early_ends(self, after: int, until: int) -> list[WebhookRow]:
        """The `completed` webhooks that arrived before their call was stored, if that call is still open.

        Their keys are greater than `after`, and at most `until`.
        """
        return [WebhookRow._make(row) for row in await self._read(SELECT_EARLY_ENDS, after, until)]

    async def count_open(self, since: int) -> int:
        """The number of open calls that began at `since` (milliseconds) or later."""
        return int((await self._read(COUNT_OPEN, since))[0][0])

    async def open_revisions(self, since: int) -> list[tuple[str, str, int]]:
        """The flows and revisions of the open calls that began at `since` or later, each with its number of calls."""
        return [
            (flow, revision, int(calls)) for flow, revision, calls in await self._read(SELECT_OPEN_REVISIONS, since)
        ]

    async def kept_recordings(self, limit: int) -> list[str]:
        """The IDs of the newest `limit` kept recordings that are not deleted."""
        return [id_ for (id_,) in await self._read(SELECT_KEPT_RECORDINGS, limit)]

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this ID, or else up to `limit` calls whose IDs start with `name`, sorted by ID."""
        found = await self._read(self._select_by_id, name)
        if not found and name:
            sql = Sql(f"{self._select} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3")
            found = await self._read(sql, name, f"{name}\U0010ffff", limit)
        return [_call_row(row) for row in found]

    async def timeline(self, session: str) -> Timeline | None:
        """Everything about the call with this ID, or None.

        This includes webhooks of its leg and errors of its conversation that were stored without a call, shortly before
        its first webhook or after its last one.
        """
        found = await self._read(self._select_by_id, session)
        if not found:
            return None
        call = _call_row(found[0])
        turns = [TurnRow(call.session.id, *row) for row in await self._read(SELECT_TURNS, call.key)]
        hooks = [HookRow.read(row) for row in await self._read(SELECT_HOOKS_OF_SESSION, session)]
        return Timeline(call, await self._webhooks(call), tuple(turns), tuple(hooks))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._read(SELECT_REVISION, hash_)
        return RevisionRow(*rows[0]) if rows else None

    async def _webhooks(self, call: CallRow) -> tuple[WebhookRow, ...]:
        rows = await self._read(SELECT_WEBHOOKS, call.key)
        session = call.session
        if rows:
            first, last = rows[0][0], rows[-1][0]
            near = (first - NEAR, min(last + NEAR, first + 10 * NEAR))
            rows += await self._read(SELECT_NEAR, *near, session.id, session.leg, session.conversation)
        return tuple(WebhookRow(*row[1:]) for row in sorted(rows, key=lambda row: int(row[0])))


class _Conditions:
    """The conditions of a query, with their values."""

    def __init__(self, conditions: Sequence[str] = (), values: Sequence[object] = ()) -> None:
        self._conditions = list(conditions)
        self.values = list(values)

    def copy(self) -> _Conditions:
        """The same conditions, to which others can be added."""
        return _Conditions(self._conditions, self.values)

    def mark(self, value: object) -> str:
        """Add a value; returns its mark."""
        self.values.append(value)
        return f"${len(self.values)}"

    def require(self, condition: str) -> None:
        """Add a condition, with the marks of its values."""
        self._conditions.append(f"({condition})")

    @property
    def sql(self) -> str:
        """All conditions."""
        return " AND ".join(self._conditions or ["true"])


def _after(digits: str) -> str:
    """The first text after all texts that begin with these digits, which are ASCII."""
    return digits[:-1] + chr(ord(digits[-1]) + 1)


def _plain_part(word: str) -> bytes:
    """The longest ASCII part of a word that JSON does not escape; the whole word if there is none.

    Databases change ASCII to lower case in the same way, but not always other letters.
    """
    return max(_PLAIN.findall(word), key=len, default=word).encode()


def _call_row(row: Sequence[Any]) -> CallRow:
    return CallRow(row[0], SessionRow.read(row[1:11]), row[11], bool(row[12]), bool(row[13]))
