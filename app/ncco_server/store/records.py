"""Reads recorded calls for people, in commands and the console."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

from ncco_server.store.database import Row, RowReader
from ncco_server.store.placed import SELECT_CONTROL
from ncco_server.store.placed_rows import PlacingControl
from ncco_server.store.results import (
    BY_DAY,
    BY_QUARTER,
    BY_START,
    COLUMNS,
    DAY,
    MISSED_REASON,
    QUARTER_MS,
    ResultRow,
    read_result,
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
    ReportedCall,
    RevisionRow,
    SessionRow,
    Timeline,
    TurnRow,
    WebhookRow,
)
from ncco_server.store.sql import RECORDINGS_TABLE, RESULTS_TABLE, SUMS_TABLE, ListSql, Sql, contains, has_word

MOST_MATCHES: Final = 2_000
"""With more matches for the digits of a search, the newest calls are searched instead."""

FEW_LINES: Final = 20
"""Up to this many lines are searched one by one, which finds the newest calls of one line at once."""

NEAR: Final = 2_000
"""How many webhooks around a call are searched for more of its webhooks: `started` and `ringing` may come before the
request for the NCCO, and are then stored without a call.
"""

_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII without control characters, quotes and backslashes."""

# For EXISTS, PostgreSQL would read the whole table at once.
_HAS_FAILED: Final = "(SELECT true FROM turns WHERE call_key = calls.key AND has_failed LIMIT 1) IS NOT NULL"

_SELECT_CALLS: Final = f"""
    SELECT key, {SESSION_COLUMNS}, (SELECT count(*) FROM turns WHERE call_key = calls.key), {_HAS_FAILED},
        (SELECT ended_at IS NULL FROM {RESULTS_TABLE} WHERE call_key = calls.key)
    FROM calls
"""

SELECT_CALL_BY_ID: Final = Sql(f"{_SELECT_CALLS} WHERE id = $1")

SELECT_HOOKS_OF_SESSION: Final = Sql(
    f"SELECT {HOOK_COLUMNS} FROM hooks WHERE session = $1 ORDER BY is_parked DESC, key"
)


# The index by time makes it fast enough for a server.
SELECT_KEPT_RECORDINGS: Final = Sql(f"""
    SELECT id FROM {RECORDINGS_TABLE} WHERE state = 'kept' AND deleted_at IS NULL ORDER BY created_at DESC LIMIT $1
""")

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
"""Maximum clock difference between hosts. Apart from it, keys grow with time."""

SELECT_REPORTED: Final = Sql("""
    SELECT key, flow, leg, state, is_over, created_at, updated_at FROM calls WHERE key < $1 ORDER BY key DESC LIMIT $2
""")

SELECT_TRACES: Final = Sql("SELECT call_key, trace FROM turns WHERE call_key BETWEEN $1 AND $2")

SELECT_OPEN_SESSIONS: Final = Sql(f"""
    SELECT key, {SESSION_COLUMNS}
    FROM calls
    WHERE NOT is_over AND created_at >= $1 AND created_at < $2
    ORDER BY created_at, key
""")

_NEWEST_CHANGES: Final = f"""
    SELECT coalesce(sum(changed_at), 0) FROM (
        SELECT changed_at FROM {RESULTS_TABLE} ORDER BY call_key DESC LIMIT $2
    ) AS newest
"""

SELECT_VERSION: Final = Sql(f"""
    SELECT coalesce(max(key), 0),
        (SELECT coalesce(sum(version), 0) FROM calls WHERE NOT is_over AND created_at >= $1),
        ({_NEWEST_CHANGES})
    FROM calls
""")

SELECT_CONNECT_STATUSES: Final = Sql("""
    SELECT call_key, turn, wait, status FROM webhooks WHERE call_key BETWEEN $1 AND $2 AND wait >= 0 AND status <> ''
""")


# Changed rows replace what the sums contain of them.
_UNCOUNTED: Final = f"""
    SELECT began_at / {QUARTER_MS} AS quarter, result, flow, line, own,
        CASE WHEN person_at IS NULL THEN -1 WHEN person_at < began_at THEN 0 ELSE (person_at - began_at) / 1000 END
            AS until_s,
        1 AS calls, CASE WHEN ended_at > began_at THEN ended_at - began_at ELSE 0 END AS ms
    FROM {RESULTS_TABLE}
    WHERE NOT is_counted AND is_last AND began_at / {QUARTER_MS} >= $1 AND began_at / {QUARTER_MS} < $2
    UNION ALL
    SELECT began_at / {QUARTER_MS}, counted_result, flow, line, counted_own, counted_until_s, -1, -counted_ms
    FROM {RESULTS_TABLE}
    WHERE NOT is_counted AND counted_result <> '' AND began_at / {QUARTER_MS} >= $1 AND began_at / {QUARTER_MS} < $2
"""

# The days from $3 to $4 are complete; the period begins with the quarter $1 and ends before $2.
SUM_BY_LINE: Final = Sql(f"""
    SELECT flow, line, result, own, until_s, sum(calls), sum(ms)
    FROM (
        SELECT result, flow, line, own, until_s, calls, ms
        FROM {SUMS_TABLE}
        WHERE level = {BY_DAY} AND quarter >= $3 AND quarter < $4
        UNION ALL
        SELECT result, flow, line, own, until_s, calls, ms
        FROM {SUMS_TABLE}
        WHERE level = {BY_QUARTER} AND quarter >= $1 AND quarter < $3
        UNION ALL
        SELECT result, flow, line, own, until_s, calls, ms
        FROM {SUMS_TABLE}
        WHERE level = {BY_QUARTER} AND quarter >= $4 AND quarter < $2
        UNION ALL
        SELECT result, flow, line, own, until_s, calls, ms FROM ({_UNCOUNTED}) AS uncounted
    ) AS sums
    WHERE CAST($5 AS text) = '' OR flow = $5
    GROUP BY flow, line, result, own, until_s
    HAVING sum(calls) <> 0
""")

SUM_BY_START: Final = Sql(f"""
    SELECT quarter, result, sum(calls)
    FROM (
        SELECT quarter, result, flow, calls
        FROM {SUMS_TABLE}
        WHERE level = {BY_START} AND quarter >= $1 AND quarter < $2
        UNION ALL
        SELECT quarter, result, flow, calls FROM ({_UNCOUNTED}) AS uncounted
    ) AS sums
    WHERE CAST($3 AS text) = '' OR flow = $3
    GROUP BY quarter, result
    HAVING sum(calls) <> 0
""")

SELECT_TRANSCRIPTS: Final = ListSql(f"""
    SELECT session, transcript FROM {RECORDINGS_TABLE} WHERE deleted_at IS NULL AND session IN (%s)
""")

SELECT_RESULTS_OF: Final = ListSql(f"""
    SELECT {COLUMNS}, CASE WHEN result = 'missed' THEN {MISSED_REASON} ELSE '' END
    FROM {RESULTS_TABLE}
    WHERE call_key IN (%s)
""")


def _distinct(column: str) -> Sql:
    """Find each text in the index after the one before."""
    return Sql(f"""
    WITH RECURSIVE names (name) AS (
        SELECT min({column}) FROM {RESULTS_TABLE} WHERE {column} <> ''
        UNION ALL
        SELECT (SELECT min({column}) FROM {RESULTS_TABLE} WHERE {column} <> '' AND {column} > names.name)
        FROM names
        WHERE names.name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL
""")


SELECT_LINES: Final = _distinct("line")

SELECT_OWN: Final = _distinct("own")

SELECT_FIRST_SINCE: Final = Sql(f"""
    SELECT call_key FROM {RESULTS_TABLE} WHERE began_at >= $1 ORDER BY began_at, call_key LIMIT 1
""")

SELECT_RESULTS_BETWEEN: Final = Sql(
    f"SELECT {COLUMNS} FROM {RESULTS_TABLE} WHERE call_key BETWEEN $1 AND $2 ORDER BY call_key"
)

COUNT_RESULTS: Final = Sql(f"""
    SELECT count(*) FROM {RESULTS_TABLE}
    WHERE began_at >= $1 AND began_at < $2 AND is_last AND direction = 'inbound'
""")


def last_before(moment: str) -> str:
    """SQL for the key of the last call that began before a moment, or -1."""
    return (
        f"coalesce((SELECT call_key FROM {RESULTS_TABLE} WHERE began_at < {moment} ORDER BY began_at DESC LIMIT 1), -1)"
    )


SELECT_MISSED: Final = Sql(f"""
    SELECT party, call_key
    FROM {RESULTS_TABLE} AS missed
    WHERE result = 'missed' AND began_at >= $1 AND call_key > {last_before("$2")} AND is_last AND returned_at IS NULL
        AND NOT EXISTS (
        SELECT 1 FROM {RESULTS_TABLE} AS later
        WHERE later.party = missed.party AND later.party <> '' AND later.began_at >= missed.began_at
            AND later.call_key > missed.call_key AND later.is_last AND later.direction = 'inbound'
            AND (later.result <> 'missed' OR later.returned_at IS NOT NULL)
    )
    ORDER BY began_at DESC, call_key DESC
""")

_RETURNED: Final = f"FROM {RESULTS_TABLE} WHERE began_at >= $1 AND is_last AND returned_at IS NOT NULL"

SELECT_RETURNED: Final = Sql(f"SELECT {COLUMNS} {_RETURNED} ORDER BY began_at DESC, call_key DESC LIMIT $2")

COUNT_RETURNED: Final = Sql(f"SELECT count(*) {_RETURNED}")
SELECT_REVISION: Final = Sql("SELECT hash, flow, sources, created_at FROM revisions WHERE hash = $1")

SELECT_OPEN_REVISIONS: Final = Sql("""
    SELECT flow, revision, count(*)
    FROM (
        SELECT flow, revision FROM calls WHERE NOT is_over AND created_at >= $1 ORDER BY created_at DESC LIMIT $2
    ) AS newest
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
""")

COUNT_OPEN: Final = Sql("SELECT count(*) FROM calls WHERE NOT is_over AND created_at >= $1")

REPORTED: Final = 1_000

SELECT_OPEN_CALLS: Final = Sql(f"""
    SELECT {", ".join(OpenCall._fields)}
    FROM calls
    WHERE NOT is_over AND (created_at, key) > ($1, $2) AND created_at < $3
    ORDER BY created_at, key
    LIMIT $4
""")

SELECT_LAST_WEBHOOK: Final = Sql("SELECT coalesce(max(key), 0) FROM webhooks")

# The `completed` webhooks that arrived before the call of their leg was stored, if that call is still open.
SELECT_EARLY_ENDS: Final = Sql.of_leg(
    "webhooks.leg",
    f"""
    SELECT {", ".join(WebhookRow._fields)}
    FROM webhooks
    WHERE key > $1 AND key <= $2 AND call_key IS NULL AND kind = 'event-completed' AND leg <> '' AND (
        EXISTS (SELECT 1 FROM calls WHERE id = webhooks.leg AND leg = id AND NOT is_over)
        OR EXISTS (SELECT 1 FROM calls WHERE leg = webhooks.leg AND leg <> id AND NOT is_over)
    )
    ORDER BY key
    """,
)


class SummedCalls(NamedTuple):
    """Calls with all of these in common, and their total duration."""

    flow: str
    line: str
    result: str
    own: str
    until_s: int
    calls: int
    ms: int


class Records(RowReader):
    """Reads the contents of a store; made by `Store.records`."""

    async def _read_of(self, sql: ListSql, keys: Sequence[int | str], *values: object) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(keys), REPORTED):
            some = keys[start : start + REPORTED]
            found += await self.read(sql.of(len(some)), *values, *some)
        return found

    async def open_calls(self, after: tuple[int, int], before: int) -> AsyncIterator[OpenCall]:
        """Sort by start (milliseconds) and key: from the call after `after` to the last before `before`."""
        while rows := await self.read(SELECT_OPEN_CALLS, *after, before, REPORTED):
            calls = [OpenCall._make(row) for row in rows]
            for call in calls:
                yield call
            after = calls[-1].created_at, calls[-1].key

    async def last_webhook(self) -> int:
        return int((await self.read(SELECT_LAST_WEBHOOK))[0][0])

    async def early_ends(self, after: int, until: int) -> list[WebhookRow]:
        return await self.all(WebhookRow._make, SELECT_EARLY_ENDS, after, until)

    async def count_open(self, since: int) -> int:
        return int((await self.read(COUNT_OPEN, since))[0][0])

    async def open_revisions(self, since: int, most: int) -> list[tuple[str, str, int]]:
        """Flow, revision and number of calls, of the newest calls (at most `most`) that began at or after `since`."""
        found = await self.read(SELECT_OPEN_REVISIONS, since, most)
        return [(flow, revision, int(calls)) for flow, revision, calls in found]

    async def revision(self, hash_: str) -> RevisionRow | None:
        return await self.one(RevisionRow._make, SELECT_REVISION, hash_)

    async def calls(self, limit: int, before: int | None = None, wanted: CallFilter = ANY_CALL) -> list[CallRow]:
        """The newest calls first, with keys below `before`."""
        if not wanted.needs_result:
            return await self._calls(limit, before, wanted)
        keys = await self._ended_keys(limit, before, wanted)
        rows = [_call_row(row) for row in await self._read_of(ListSql(f"{_SELECT_CALLS} WHERE key IN (%s)"), keys)]
        if not (wanted.result or wanted.own or wanted.reason):
            rows += await self._calls(limit, before, wanted, is_unended=True)
        found = {row.key: row for row in rows}
        return [found[key] for key in sorted(found, reverse=True)[:limit]]

    async def _calls(
        self, limit: int, before: int | None, wanted: CallFilter, *, is_unended: bool = False
    ) -> list[CallRow]:
        where = _Conditions()
        if before is not None:
            where.require(f"key < {where.mark(before)}")
        self._require_period(where, wanted)
        if wanted.flow:
            where.require(f"flow = {where.mark(wanted.flow)}")
        if wanted.number:
            where.require(contains("state", where.mark(wanted.number.encode())))
        if wanted.is_open or is_unended:  # they are few; a search of the newest calls would check each one
            since = where.mark(wanted.since)
            where.require(f"key IN (SELECT key FROM calls WHERE NOT is_over AND created_at >= {since})")
        if wanted.is_open:
            where.require("leg <> ''")
        if wanted.has_failed:
            where.require(_HAS_FAILED)
        sql = Sql(f"{_SELECT_CALLS} WHERE {where.sql} ORDER BY key DESC LIMIT {where.mark(limit)}")
        return await self.all(_call_row, sql, *where.values)

    def _require_period(self, where: _Conditions, wanted: CallFilter) -> None:
        """Limit the search by keys, which grow with time."""
        if wanted.since:
            where.require(f"created_at >= {where.mark(wanted.since)}")
            where.require(f"key > {last_before(where.mark(wanted.since - CLOCKS_MS))}")
        if wanted.until:
            where.require(f"created_at < {where.mark(wanted.until)}")
            end = where.mark(wanted.until + CLOCKS_MS)
            newer = f"SELECT call_key FROM {RESULTS_TABLE} WHERE began_at >= {end} ORDER BY began_at LIMIT 1"
            where.require(f"key < coalesce(({newer}), {1 << 62})")

    async def _ended_keys(self, limit: int, before: int | None, wanted: CallFilter) -> list[int]:
        where = _ended_where(wanted)
        if before is not None:
            where.require(f"call_key < {where.mark(before)}")
        if not wanted.number:
            return await self._newest(where, limit)
        return await self._keys_of_number(wanted.number, where, limit)

    async def missed_by_reason(self, since: int, until: int, flow: str = "") -> list[tuple[str, int, int]]:
        """Reasons, numbers of calls, and their total duration (milliseconds), of the stored calls as `result_sums`."""
        missed = CallFilter(flow=flow, since=since, until=until or 1, result="missed")  # 0 means any time
        where = _ended_where(missed)
        length = "CASE WHEN ended_at > began_at THEN ended_at - began_at ELSE 0 END"
        sql = f"SELECT {MISSED_REASON}, count(*), sum({length}) FROM {RESULTS_TABLE} WHERE {where.sql} GROUP BY 1"
        return [(reason, int(calls), int(ms)) for reason, calls, ms in await self.read(Sql(sql), *where.values)]

    async def _newest(self, where: _Conditions, limit: int) -> list[int]:
        sql = f"SELECT call_key FROM {RESULTS_TABLE} WHERE {where.sql} ORDER BY call_key DESC LIMIT {where.mark(limit)}"
        return [key for (key,) in await self.read(Sql(sql), *where.values)]

    async def _keys_of_number(self, number: str, where: _Conditions, limit: int) -> list[int]:
        """Newest first; the number begins or ends with the digits."""
        ends = (("party", number), ("party_end", number[::-1]))
        keys = set[int]()
        for column, digits in ends:
            sql = Sql(f"SELECT call_key FROM {RESULTS_TABLE} WHERE {column} >= $1 AND {column} < $2 LIMIT $3")
            keys.update(key for (key,) in await self.read(sql, digits, _after(digits), MOST_MATCHES))
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
        lines = [line for (line,) in await self.read(SELECT_LINES) if line.startswith(number) or line.endswith(number)]
        for some_lines in [[line] for line in lines] if len(lines) <= FEW_LINES else [lines]:
            some = where.copy()
            some.require(f"line IN ({', '.join(map(some.mark, some_lines))})")
            found.update(await self._newest(some, limit))
        return sorted(found, reverse=True)[:limit]

    async def placing(self) -> PlacingControl:
        return await self.one(PlacingControl._make, SELECT_CONTROL) or PlacingControl()

    async def reported(self, since: int, until: int) -> AsyncIterator[ReportedCall]:
        """Return the newest first, from `since` up to `until` (milliseconds)."""
        later = await self.read(SELECT_FIRST_SINCE, until + CLOCKS_MS)
        key = later[0][0] if later else 1 << 62
        while rows := await self.read(SELECT_REPORTED, key, REPORTED):
            for row in rows:
                call = ReportedCall._make(row)
                if call.created_at < since - CLOCKS_MS:
                    return
                if since <= call.created_at < until:
                    yield call
            key = rows[-1][0]

    async def results_between(self, first: int, last: int) -> list[ResultRow]:
        return await self.all(read_result, SELECT_RESULTS_BETWEEN, first, last)

    async def traces(self, first: int, last: int) -> list[tuple[int, bytes]]:
        rows = await self.read(SELECT_TRACES, first, last)
        return [(key, bytes(trace)) for key, trace in rows]

    async def holding(self, word: str, keys: Sequence[int]) -> list[tuple[int, bytes]]:
        """NCCOs and webhooks with the longest ASCII part of `word`, which some may not contain, by call key."""
        found: list[Row] = []
        for table, column in (("turns", "ncco"), ("webhooks", "body")):
            holds = has_word(column, "$1")
            sql = ListSql(f"SELECT call_key, {column} FROM {table} WHERE {holds} AND call_key IN (%s)", 1)
            found += await self._read_of(sql, keys, _plain_part(word))
        return [(key, bytes(document)) for key, document in found]

    async def transcripts(self, sessions: Sequence[str]) -> list[tuple[str, str]]:
        """The words of messages and other recordings, by session."""
        return [(session, words) for session, words in await self._read_of(SELECT_TRANSCRIPTS, sessions) if words]

    async def connect_statuses(self, first: int, last: int) -> list[ConnectStatus]:
        return await self.all(ConnectStatus._make, SELECT_CONNECT_STATUSES, first, last)

    async def version(self, since: int, limit: int) -> Row:
        """Changes with the open calls since `since` (milliseconds) and the newest `limit` results."""
        return (await self.read(SELECT_VERSION, since, limit))[0]

    async def results_of(self, keys: Sequence[int]) -> list[ResultRow]:
        rows = [read_result(row) for row in await self._read_of(SELECT_RESULTS_OF, keys)]
        return sorted(rows, key=lambda row: row.call_key)

    async def result_sums(self, since: int, until: int, flow: str = "") -> list[SummedCalls]:
        """The incoming calls that began from `since` up to `until` (milliseconds; multiples of `QUARTER_MS`).

        With `flow`, only calls that began in it.
        """
        first, end = since // QUARTER_MS, until // QUARTER_MS
        rows = await self.read(SUM_BY_LINE, first, end, *whole_days(first, end), flow)
        return [SummedCalls._make((*names, int(calls), int(ms))) for *names, calls, ms in rows]

    async def result_quarters(self, since: int, until: int, flow: str = "") -> list[tuple[int, str, int]]:
        """As `result_sums`; quarters are in milliseconds."""
        rows = await self.read(SUM_BY_START, since // QUARTER_MS, until // QUARTER_MS, flow)
        return [(quarter * QUARTER_MS, result, int(calls)) for quarter, result, calls in rows]

    async def count_results(self, since: int, until: int) -> int:
        """Count those that have ended, as in `result_sums`."""
        return int((await self.read(COUNT_RESULTS, since, until))[0][0])

    async def missed(self, since: int) -> list[tuple[str, int]]:
        """Missed calls since a time (milliseconds) whose callers have neither got through nor been called back.

        `ResultRow.party` and key, latest first; withheld numbers too.
        """
        rows = await self.read(SELECT_MISSED, since, since - CLOCKS_MS)
        return [(party, key) for party, key in rows]

    async def own_results(self) -> list[str]:
        return [name for (name,) in await self.read(SELECT_OWN)]

    async def returned(self, since: int, limit: int) -> list[ResultRow]:
        return await self.all(read_result, SELECT_RETURNED, since, limit)

    async def count_returned(self, since: int) -> int:
        return int((await self.read(COUNT_RETURNED, since))[0][0])

    async def open_sessions(self, since: int, until: int) -> list[tuple[int, SessionRow]]:
        """Return those that began from `since` up to `until` (milliseconds) and are not over, by key."""
        rows = await self.read(SELECT_OPEN_SESSIONS, since, until)
        return [(row[0], SessionRow.read(row[1:])) for row in rows]

    async def kept_recordings(self, limit: int) -> list[str]:
        return [id_ for (id_,) in await self.read(SELECT_KEPT_RECORDINGS, limit)]

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this ID, or up to `limit` calls whose IDs start with it, sorted."""
        found = await self.read(SELECT_CALL_BY_ID, name)
        if not found and name:
            sql = Sql(f"{_SELECT_CALLS} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3")
            found = await self.read(sql, name, f"{name}\U0010ffff", limit)
        return [_call_row(row) for row in found]

    async def timeline(self, session: str) -> Timeline | None:
        """Include what was stored without the call."""
        found = await self.read(SELECT_CALL_BY_ID, session)
        if not found:
            return None
        call = _call_row(found[0])
        turns = [TurnRow(call.session.id, *row) for row in await self.read(SELECT_TURNS, call.key)]
        hooks = [HookRow.read(row) for row in await self.read(SELECT_HOOKS_OF_SESSION, session)]
        return Timeline(call, await self._webhooks(call), tuple(turns), tuple(hooks))

    async def _webhooks(self, call: CallRow) -> tuple[WebhookRow, ...]:
        rows = await self.read(SELECT_WEBHOOKS, call.key)
        session = call.session
        if rows:
            first, last = rows[0][0], rows[-1][0]
            near = (first - NEAR, min(last + NEAR, first + 10 * NEAR))
            rows += await self.read(SELECT_NEAR, *near, session.id, session.leg, session.conversation)
        return tuple(WebhookRow(*row[1:]) for row in sorted(rows, key=lambda row: int(row[0])))


def _ended_where(wanted: CallFilter) -> _Conditions:
    """The conditions for results of ended calls, but the number."""
    where = _Conditions()
    if wanted.since:
        where.require(f"call_key > {last_before(where.mark(wanted.since - CLOCKS_MS))}")
        where.require(f"began_at >= {where.mark(wanted.since)}")
    if wanted.until:
        where.require(f"began_at < {where.mark(wanted.until)}")
    if wanted.flow:
        where.require(f"flow = {where.mark(wanted.flow)}")
    if wanted.result:
        where.require(f"result = {where.mark(wanted.result)} AND is_last")
    if wanted.reason:
        where.require(f"result = 'missed' AND is_last AND {MISSED_REASON} = {where.mark(wanted.reason)}")
    if wanted.own:
        where.require(f"own = {where.mark(wanted.own)} AND own <> '' AND is_last")
    if wanted.has_failed:
        where.require("has_failed")
    return where


def whole_days(first: int, end: int) -> tuple[int, int]:
    """The quarters in which the whole days (UTC) of a period begin and end."""
    since, until = -(-first // DAY) * DAY, end // DAY * DAY
    return (since, until) if since < until else (first, first)


class _Conditions:
    def __init__(self, conditions: Sequence[str] = (), values: Sequence[object] = ()) -> None:
        self._conditions = list(conditions)
        self.values = list(values)

    def copy(self) -> _Conditions:
        return _Conditions(self._conditions, self.values)

    def mark(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def require(self, condition: str) -> None:
        self._conditions.append(f"({condition})")

    @property
    def sql(self) -> str:
        return " AND ".join(self._conditions or ["true"])


def _after(digits: str) -> str:
    """The first text after all texts that begin with these ASCII digits."""
    return digits[:-1] + chr(ord(digits[-1]) + 1)


def _plain_part(word: str) -> bytes:
    """The longest ASCII part that JSON does not escape, or the whole word.

    Databases do not always change other letters to lower case.
    """
    return max(_PLAIN.findall(word), key=len, default=word).encode()


def _call_row(row: Sequence[Any]) -> CallRow:
    return CallRow(row[0], SessionRow.read(row[1:11]), row[11], bool(row[12]), bool(row[13]))
