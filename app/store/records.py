"""Reads recorded calls, for commands that run beside a server. Read-only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from app.store.database import Read, Row, contains, has_word
from app.store.placed_rows import SELECT_CONTROL, PlacingControl
from app.store.recordings import RECORDINGS_TABLE
from app.store.rows import (
    ANY_CALL,
    HOOK_COLUMNS,
    SESSION_COLUMNS,
    WORD_CALLS,
    CallFilter,
    CallRow,
    ConnectStatus,
    HookRow,
    OpenCall,
    ReportedCall,
    RevisionRow,
    Schema,
    SessionRow,
    Timeline,
    TurnRow,
    WebhookRow,
)

FAILURE_IN_0_2: Final = b'"did":"failed"'
"""The traces of failed turns contain this. Hosts of version 0.2 do not mark failed turns in any other way."""

FAILURES: Final = "0002"
"""The version of the schema's additions that introduced `turns.has_failed`."""

NEAR: Final = 2_000
"""How many webhooks before a call's first one, and after its last one, are searched for more webhooks of the call.

Vonage may send `started` and `ringing` before it requests the NCCO. These webhooks are then stored without a call.
"""

_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII without control characters, quotes and backslashes."""

_FAILED_IN_0_2: Final = contains("trace", "$1")
_FAILED: Final = f"coalesce(has_failed, {_FAILED_IN_0_2})"

_HAS_WORD: Final = f"""
    EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND {has_word("ncco", "?")})
    OR EXISTS (SELECT 1 FROM webhooks WHERE call_key = calls.key AND {has_word("body", "?")})
"""

_CALL: Final = f"SELECT key, {SESSION_COLUMNS}, (SELECT count(*) FROM turns WHERE call_key = calls.key)"

SELECT_REVISION: Final = "SELECT hash, flow, sources, created_at FROM revisions WHERE hash = $1"

SELECT_HOOKS_OF_SESSION: Final = f"SELECT {HOOK_COLUMNS} FROM hooks WHERE session = $1 ORDER BY is_parked DESC, key"

SELECT_OPEN_REVISIONS: Final = """
    SELECT flow, revision, count(*)
    FROM calls
    WHERE NOT is_over AND created_at >= $1
    GROUP BY flow, revision
    ORDER BY flow, count(*) DESC, revision
"""

# A server runs this query too; the index by time makes it fast.
SELECT_KEPT_RECORDINGS: Final = f"""
    SELECT id FROM {RECORDINGS_TABLE} WHERE state = 'kept' AND deleted_at IS NULL ORDER BY created_at DESC LIMIT $1
"""

COUNT_OPEN: Final = "SELECT count(*) FROM calls WHERE NOT is_over AND created_at >= $1"

SELECT_TURNS: Final = f"SELECT {', '.join(TurnRow._fields[1:-1])} FROM turns WHERE call_key = $1 ORDER BY number"

_WEBHOOK: Final = f"key, {', '.join(WebhookRow._fields)}"

SELECT_WEBHOOKS: Final = f"SELECT {_WEBHOOK} FROM webhooks WHERE call_key = $1 ORDER BY key"

SELECT_NEAR: Final = f"""
    SELECT {_WEBHOOK}
    FROM webhooks
    WHERE key BETWEEN $1 AND $2 AND call_key IS NULL
        AND (session IN ($3, $4) AND session <> '' OR kind = 'error' AND conversation = $5 AND conversation <> '')
    ORDER BY key
"""


CLOCKS_MS: Final = 3_600_000
"""Maximum clock difference between hosts, in milliseconds. Apart from this difference, keys grow with time."""

REPORTED: Final = 1_000
"""How many calls a report reads at once."""

SELECT_LAST_KEY_BEFORE: Final = "SELECT key FROM calls WHERE created_at < $1 ORDER BY key DESC LIMIT 1"

LOST: Final = "lost"
"""The kind of an extra entry among a call's webhooks: the call's end was never reported, but it cannot be running."""

# Events of the parties that a `connect` dials arrive on its wait. Events of the caller's own leg have no wait.
_REPORTED: Final = f"""
    SELECT key, flow, leg, state, is_over AND NOT EXISTS (
        SELECT 1 FROM webhooks WHERE call_key = calls.key AND kind = '{LOST}'
    ), created_at, updated_at, (
        SELECT min(received_at) FROM webhooks AS answered
        WHERE call_key = calls.key AND wait >= 0 AND kind IN ('event-answered', 'event-human') AND NOT EXISTS (
            SELECT 1 FROM webhooks AS machine
            WHERE machine.call_key = answered.call_key AND machine.turn = answered.turn
                AND machine.wait = answered.wait AND machine.kind = 'event-machine'
        )
    )
    FROM calls
"""
SELECT_REPORTED: Final = f"{_REPORTED} WHERE key > $1 ORDER BY key LIMIT $2"

SELECT_RECORDED: Final = """
    SELECT turns.call_key, ncco
    FROM webhooks JOIN turns ON turns.call_key = webhooks.call_key AND turns.number = webhooks.turn
    WHERE kind = 'record' AND webhooks.call_key
"""

SELECT_TRACES: Final = "SELECT call_key, trace FROM turns WHERE call_key"

SELECT_OPEN_CALLS: Final = f"""
    SELECT {", ".join(OpenCall._fields)}
    FROM calls
    WHERE NOT is_over AND (created_at, key) > ($1, $2) AND created_at < $3 AND leg <> ''
    ORDER BY created_at, key
    LIMIT $4
"""

SELECT_LAST_WEBHOOK: Final = "SELECT coalesce(max(key), 0) FROM webhooks"

# The `completed` webhooks that arrived before the call of their leg was stored, if that call is still open.
SELECT_EARLY_ENDS: Final = f"""
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
"""

CALLED_BACK: Final = "called-back"
"""The kind of an extra entry among a call's webhooks: the caller was called back. Its body is the name of who did it.
"""

TO_CALL_BACK: Final = "to-call-back"
"""The kind of an entry that undoes an earlier `CALLED_BACK`. Its body is the name of the person who undid it."""

SELECT_CALLED_BACK: Final = f"""
    SELECT key, kind, call_key, received_at, body FROM webhooks
    WHERE kind IN ('{CALLED_BACK}', '{TO_CALL_BACK}') AND call_key
"""

SELECT_HOLDING: Final = f"""
    SELECT call_key, ncco FROM turns WHERE call_key BETWEEN $1 AND $2 AND {has_word("ncco", "$3")}
    UNION ALL
    SELECT call_key, body FROM webhooks WHERE call_key BETWEEN $1 AND $2 AND {has_word("body", "$3")}
"""

SELECT_CONNECT_STATUSES: Final = """
    SELECT call_key, turn, wait, status FROM webhooks WHERE call_key BETWEEN $1 AND $2 AND wait >= 0 AND status <> ''
"""


class Records:
    """Reads the contents of a store; made by `Store.records`. Every method may raise StoreUnavailable.

    Args:
        read: runs queries over its own connection.
        schema: the database's schema.
    """

    def __init__(self, read: Read, schema: Schema) -> None:
        self._read = read
        failed = _FAILED_IN_0_2 if FAILURES in schema.additions else _FAILED
        self._has_failed = f"EXISTS (SELECT 1 FROM turns WHERE call_key = calls.key AND {failed})"
        self._select = f"{_CALL}, {self._has_failed} FROM calls"

    async def _read_of(self, sql: str, keys: Sequence[int]) -> list[Row]:
        """Run a query for these keys; returns all rows. `IN (...)` with the keys is appended to the query."""
        found: list[Row] = []
        for start in range(0, len(keys), REPORTED):
            some = keys[start : start + REPORTED]
            marks = ", ".join(f"${number}" for number in range(1, len(some) + 1))
            found += await self._read(f"{sql} IN ({marks})", *some)
        return found

    async def calls(self, limit: int, before: int | None = None, wanted: CallFilter = ANY_CALL) -> list[CallRow]:
        """Up to `limit` calls, newest first, starting after the key `before` (None for the newest)."""
        condition, values = _search(wanted, before, self._has_failed)
        sql = f"{self._select} WHERE {condition} ORDER BY key DESC LIMIT ${len(values) + 1}"
        rows = await self._read(sql, *values, limit)
        return [_call_row(row) for row in rows]

    async def placing(self) -> PlacingControl:
        """Whether, and from when, calls may be placed."""
        rows = await self._read(SELECT_CONTROL)
        return PlacingControl._make(rows[0]) if rows else PlacingControl()

    async def reported(self, since: int, until: int) -> AsyncIterator[ReportedCall]:
        """The calls that began at `since` or later, but before `until` (milliseconds), in the order of their keys."""
        found = await self._read(SELECT_LAST_KEY_BEFORE, since - CLOCKS_MS)
        key = found[0][0] if found else -1
        while rows := await self._read(SELECT_REPORTED, key, REPORTED):
            recorded = defaultdict[int, list[bytes]](list)
            for call_key, ncco in await self._read(f"{SELECT_RECORDED} BETWEEN $1 AND $2", rows[0][0], rows[-1][0]):
                recorded[call_key].append(bytes(ncco))
            for row in rows:
                call = ReportedCall._make((*row, recorded[row[0]]))
                if call.created_at >= until + CLOCKS_MS:
                    return
                if since <= call.created_at < until:
                    yield call
            key = rows[-1][0]

    async def reported_calls(self, keys: Sequence[int]) -> list[ReportedCall]:
        """The calls with these keys."""
        recorded = defaultdict[int, list[bytes]](list)
        for call_key, ncco in await self._read_of(SELECT_RECORDED, keys):
            recorded[call_key].append(bytes(ncco))
        rows = await self._read_of(f"{_REPORTED} WHERE key", keys)
        return [ReportedCall._make((*row, recorded[row[0]])) for row in rows]

    async def traces(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """The traces of the calls between two keys, each with the key of its call."""
        rows = await self._read(f"{SELECT_TRACES} BETWEEN $1 AND $2", first, last)
        return [(key, bytes(trace)) for key, trace in rows]

    async def traces_of(self, keys: Sequence[int]) -> list[tuple[int, bytes]]:
        """The traces of the calls with these keys, each with its call's key."""
        return [(key, bytes(trace)) for key, trace in await self._read_of(SELECT_TRACES, keys)]

    async def called_back(self, keys: Sequence[int]) -> dict[int, tuple[int, str]]:
        """When (in milliseconds) and by whom the callers of these calls were called back, if they were."""
        rows = sorted(await self._read_of(SELECT_CALLED_BACK, keys), key=lambda row: int(row[0]))
        last = {call: (kind, at, bytes(by).decode()) for _, kind, call, at, by in rows}
        return {call: (at, by) for call, (kind, at, by) in last.items() if kind == CALLED_BACK}

    async def holding(self, word: str, first: int, last: int) -> list[tuple[int, bytes]]:
        """The NCCOs and webhooks of the calls between two keys that contain a word, each with its call's key.

        As with `CallFilter.word`, some results may not contain the word.
        """
        rows = await self._read(SELECT_HOLDING, first, last, _plain_part(word))
        return [(key, bytes(document)) for key, document in rows]

    async def connect_statuses(self, first: int, last: int) -> list[ConnectStatus]:
        """The events of the parties dialled by the calls between two keys."""
        return [ConnectStatus(*row) for row in await self._read(SELECT_CONNECT_STATUSES, first, last)]

    async def open_calls(self, after: tuple[int, int], before: int) -> AsyncIterator[OpenCall]:
        """The calls that have a leg and are not over, sorted by their start (milliseconds) and key.

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
        found = await self._read(f"{self._select} WHERE id = $2", FAILURE_IN_0_2, name)
        if not found and name:
            sql = f"{self._select} WHERE id >= $2 AND id < $3 ORDER BY id LIMIT $4"
            found = await self._read(sql, FAILURE_IN_0_2, name, f"{name}\U0010ffff", limit)
        return [_call_row(row) for row in found]

    async def timeline(self, session: str) -> Timeline | None:
        """Everything about the call with this ID, or None.

        This includes webhooks of its leg and errors of its conversation that were stored without a call, shortly before
        its first webhook or after its last one.
        """
        found = await self._read(f"{self._select} WHERE id = $2", FAILURE_IN_0_2, session)
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


def _search(wanted: CallFilter, before: int | None, has_failed: str) -> tuple[str, list[object]]:
    """The condition of a query for calls, with its values."""
    conditions: list[str] = []
    values: list[object] = [FAILURE_IN_0_2]

    def require(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(f"({condition.replace('?', f'${len(values)}')})")

    if before is not None:
        require("key < ?", before)
    if wanted.since:
        # Keys grow with time, so the newest call that is too old ends the search.
        oldest = "SELECT key FROM calls WHERE created_at < ? ORDER BY key DESC LIMIT 1"
        require(f"key > coalesce(({oldest}), -1)", wanted.since)
    if wanted.flow:
        require("flow = ?", wanted.flow)
    if wanted.number:
        require(contains("state", "?"), wanted.number.encode())
    if wanted.word:
        values.append(wanted.word)
        in_flow = contains("lower(flow)", f"lower(${len(values)})")
        require(f"{has_word('state', '?')} OR {in_flow} OR {_HAS_WORD}", _plain_part(wanted.word))
        require("key > (SELECT max(key) FROM calls) - ?", WORD_CALLS)
    if wanted.is_open:
        conditions.append("NOT is_over")
    if wanted.has_failed:
        conditions.append(has_failed)
    return " AND ".join(conditions or ["true"]), values


def _plain_part(word: str) -> bytes:
    """The longest ASCII part of a word that JSON does not escape; the whole word if there is none.

    Databases change ASCII to lower case in the same way, but not always other letters.
    """
    return max(_PLAIN.findall(word), key=len, default=word).encode()


def _call_row(row: Sequence[Any]) -> CallRow:
    return CallRow(row[0], SessionRow.read(row[1:11]), row[11], bool(row[12]))
