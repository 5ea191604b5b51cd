"""The results of calls: one row per ended call, and sums for each quarter of an hour.

The transaction that ends a call, or stores a later fact, writes its row. One process at a time updates the sums later,
so that no call waits for a counter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ncco_server.results import (
    ASKED,
    EVENTS,
    HOURS,
    UNCONNECTED,
    DecidedResult,
    MissedReason,
    ResultEvent,
    ResultName,
    TurnFacts,
    decide,
)
from ncco_server.store.database import InDatabase, Keyed, Many, Row, Work, in_one_transaction
from ncco_server.store.rows import WebhookRow
from ncco_server.store.sql import RESULTS_TABLE, SUMS_TABLE, Sql

QUARTER_MS: Final = 15 * 60 * 1000
"""All time zones are multiples of it."""
DAY: Final = 96
# Levels of sums: by quarter, result and flow alone; by quarter and everything else, for the edges of a period, because
# days begin earlier in other zones; by day (UTC) and everything else.
BY_START: Final = 0
BY_QUARTER: Final = 1
BY_DAY: Final = 2
NOBODY_ANSWERED: Final = -1
BATCH: Final = 200
LONGEST_PARTY: Final = 200
"""Characters of a party or a line: PostgreSQL's indexes refuse longer texts."""

LOST: Final = "lost"
"""An addition to a call's webhooks: its end was never reported, with what Vonage says when asked."""

Direction: TypeAlias = Literal["inbound", "outbound"]


class EndOfCall(NamedTuple):
    """What a call's row needs from the ended session.

    Attributes:
        version: the stored version that ends.
        direction: "" for a called party's leg, which gets no row.
        party: the digits or name on the other side; "" if withheld.
        step: `flow.step`; "" if the flow had ended.
        is_played: whether the flow was played to its end.
    """

    id: str
    version: int
    direction: Direction | Literal[""]
    party: str = ""
    line: str = ""
    name: str = ""
    step: str = ""
    is_played: bool = False


class StoredCall(NamedTuple):
    """A call that is over, and the flow that it began in."""

    key: int
    flow: str
    began_at: int


class ResultRow(NamedTuple):
    """The result of one call. Times are in milliseconds since 1970.

    Attributes:
        previous: the ID of the leg's previous session, or "".
        is_last: of the leg's sessions, the only one in lists and counts.
        party_end: `party` backwards.
        result, own, rang, person_at: see `ncco_server.results.DecidedResult`.
        ended_at: None if the end was never reported.
        version, webhook: the row covers the call up to this version and its webhooks up to this key.
        is_counted: the sums contain the row as it is, and not the fields `counted_*`.
        reason: why the call was missed, which is not stored; "" if it was not, or if the reason was not read.
    """

    call_key: int
    id: str
    is_last: bool
    direction: str
    flow: str
    party: str
    line: str
    name: str
    step: str
    result: ResultName
    rang: str
    began_at: int
    ended_at: int | None
    version: int
    changed_at: int
    previous: str = ""
    party_end: str = ""
    is_played: bool = False
    has_failed: bool = False
    own: str = ""
    person_at: int | None = None
    webhook: int = 0
    is_counted: bool = False
    returned_at: int | None = None
    returned_by: str = ""
    counted_result: str = ""
    counted_own: str = ""
    counted_ms: int = 0
    counted_until_s: int = NOBODY_ANSWERED
    reason: MissedReason | Literal[""] = ""

    @property
    def caller(self) -> str:
        return self.line if self.direction == "outbound" else self.party

    @property
    def to(self) -> str:
        return self.party if self.direction == "outbound" else self.line


COLUMNS: Final = ", ".join(ResultRow._fields[:-1])
"""Those of the table: all but the reason."""


def _exists(table: str, condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM {table} WHERE call_key = {RESULTS_TABLE}.call_key AND {condition})"


_LAST_DIAL: Final = f"(SELECT max(number) FROM turns WHERE call_key = {RESULTS_TABLE}.call_key AND rang <> '')"

_CANCELLED: Final = _exists("webhooks", "wait >= 0 AND kind = 'event-cancelled'")

_REPORTED: Final = f"turn = {_LAST_DIAL} AND wait >= 0 AND substr(kind, 1, 6) = 'event-'"

_DIAL_IS_OVER: Final = " OR ".join(
    (
        _exists("turns", f"number > {_LAST_DIAL}"),
        _exists("webhooks", f"{_REPORTED} AND kind NOT IN ('event-started', 'event-ringing')"),
    )
)

MISSED_REASON: Final = f"""
    CASE WHEN flow = '' THEN 'unassigned'
        WHEN rang <> '' THEN CASE WHEN NOT {_CANCELLED} AND ({_DIAL_IS_OVER}) THEN 'unanswered' ELSE 'ringing' END
        WHEN {_exists("turns", f"heard & {ASKED} <> 0")}
            THEN CASE WHEN {_exists("turns", f"heard & {HOURS} <> 0")} THEN 'closed' ELSE 'message' END
        WHEN {_exists("webhooks", "substr(kind, 1, 5) = 'input'")} THEN 'menu'
        ELSE 'greeting' END
"""
"""Of a missed call, as `ncco_server.results.MISSED` says."""

GIVEN: Final = ResultRow._fields[: ResultRow._fields.index("is_counted") + 1]
"""The others have the table's defaults."""


def _select_facts(call_key: str) -> Sql:
    """Turns (with the kind '') and webhooks have different columns: see `_Facts.of`."""
    return Sql(f"""
            SELECT call_key, number, '' AS kind, heard, 0 AS received_at, 0 AS webhook, rang, result,
                has_failed
            FROM turns
            WHERE call_key = {call_key}
            UNION ALL
            SELECT call_key, turn, kind, wait, received_at, key, NULL, NULL, NULL
            FROM webhooks
            WHERE call_key = {call_key}
        """)


# Each row begins with the call's key or ID, as `Keyed` requires.
SELECT_FACTS: Final = _select_facts("$1")

SELECT_FACTS_OF: Final = _select_facts("(SELECT key FROM calls WHERE id = $1)")

SELECT_RESULT: Final = Sql(f"""
    SELECT calls.id, calls.version, {RESULTS_TABLE}.call_key, direction, ended_at
    FROM calls JOIN {RESULTS_TABLE} ON call_key = key
    WHERE calls.id = $1
""")

# A session's ID is its leg, or starts with the leg and `/`. `0` is the character after `/`.
_OF_LEG: Final = "(calls.id = $1 OR calls.id > $1 || '/' AND calls.id < $1 || '0') AND leg = $1"

SELECT_ENDED_SESSIONS: Final = Sql(f"SELECT leg, id, key FROM calls WHERE {_OF_LEG} AND is_over ORDER BY key")

LOCK_LOST_SESSIONS: Final = Sql(f"""
    SELECT leg, id
    FROM calls
    WHERE {_OF_LEG} AND EXISTS (SELECT 1 FROM {RESULTS_TABLE} WHERE call_key = key AND ended_at IS NULL)
    ORDER BY id
""").locking("FOR NO KEY UPDATE")

INSERT_RESULT: Final = Sql.insert(RESULTS_TABLE, GIVEN, "ON CONFLICT (call_key) DO NOTHING")

# A second host that records the same delivery waits here.
LOCK_CALL: Final = Sql("SELECT id FROM calls WHERE id = $1").locking("FOR NO KEY UPDATE")

SET_RESULT: Final = Sql("""
    UPDATE turns
    SET result = $2
    WHERE call_key = (SELECT key FROM calls WHERE id = $1)
        AND number = (SELECT max(number) FROM turns WHERE call_key = (SELECT key FROM calls WHERE id = $1))
""")

# After the end of the call, the party can no longer be connected.
SET_UNCONNECTED: Final = Sql(f"""
    UPDATE turns
    SET heard = heard - (heard & {UNCONNECTED}) + $2
    WHERE call_key = (SELECT key FROM calls WHERE id = $1 AND NOT is_over)
        AND number = (SELECT max(number) FROM turns WHERE call_key = (SELECT key FROM calls WHERE id = $1))
""")

# $1 is the call's key in statements that change a row.
UPDATE_RESULT: Final = Sql(f"""
    UPDATE {RESULTS_TABLE}
    SET result = $2, own = $3, rang = $4, person_at = $5, ended_at = $6, version = $7, webhook = $8, changed_at = $9,
        is_counted = (direction = 'outbound')
    WHERE call_key = $1
""")

SUPERSEDE_RESULT: Final = Sql(f"""
    UPDATE {RESULTS_TABLE}
    SET is_last = false, is_counted = (direction = 'outbound'), changed_at = $2
    WHERE call_key = $1 AND is_last
""")

RETURN_CALL: Final = Sql(f"""
    UPDATE {RESULTS_TABLE}
    SET returned_at = $2, returned_by = $3, changed_at = $4
    WHERE call_key = (SELECT key FROM calls WHERE id = $1)
    RETURNING call_key
""")

SELECT_UNCOUNTED: Final = Sql(f"SELECT {COLUMNS} FROM {RESULTS_TABLE} WHERE NOT is_counted LIMIT $1").locking(
    "FOR UPDATE SKIP LOCKED"
)

SELECT_UNCOUNTED_OF: Final = Sql(
    f"SELECT {COLUMNS} FROM {RESULTS_TABLE} WHERE call_key = $1 AND NOT is_counted"
).locking("FOR UPDATE")

SELECT_ANY_UNCOUNTED: Final = Sql(f"SELECT EXISTS (SELECT 1 FROM {RESULTS_TABLE} WHERE NOT is_counted)")

LOCK_ROW: Final = Sql(f"SELECT {COLUMNS} FROM {RESULTS_TABLE} WHERE call_key = $1").locking("FOR UPDATE")

_SUM_KEY: Final = "level, quarter, result, flow, line, own, until_s"

ADD_TO_SUMS: Final = Sql(f"""
    INSERT INTO {SUMS_TABLE} ({_SUM_KEY}, calls, ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT ({_SUM_KEY}) DO UPDATE
    SET calls = {SUMS_TABLE}.calls + excluded.calls, ms = {SUMS_TABLE}.ms + excluded.ms
""")

DELETE_EMPTY_SUM: Final = Sql(f"""
    DELETE FROM {SUMS_TABLE}
    WHERE level = $1 AND quarter = $2 AND result = $3 AND flow = $4 AND line = $5 AND own = $6 AND until_s = $7
        AND calls = 0
""")

SET_COUNTED: Final = Sql(f"""
    UPDATE {RESULTS_TABLE}
    SET is_counted = true, counted_result = $2, counted_own = $3, counted_ms = $4, counted_until_s = $5
    WHERE call_key = $1
""")


# Writing rows


def end_results(
    calls: Sequence[tuple[EndOfCall, StoredCall]], at: int, *, leg: str, is_lost: bool
) -> Work[list[ResultRow]]:
    """Return the rows of one leg's calls that have just been marked as over, oldest first.

    `at` is the current time if the end was not reported; `leg` is "" for calls without one.
    """
    rows = [(call._replace(version=call.version + 1), stored) for call, stored in calls if call.direction]
    previous = ""
    if leg and any(call.id != leg for call, _ in rows):  # the leg may have earlier sessions, which ended before
        ending = {call.id for call, _ in rows}
        for _, id_, key in (yield Keyed(SELECT_ENDED_SESSIONS, (leg,))):
            if id_ not in ending:
                previous = id_
                yield SUPERSEDE_RESULT, (key, at)
    written = []
    for number, (call, stored) in enumerate(rows, 1):
        is_last = number == len(rows)
        written.append((yield from _insert(call, stored, previous, at, is_last=is_last, is_lost=is_lost)))
        previous = call.id
    return written


def _insert(
    call: EndOfCall, stored: StoredCall, previous: str, at: int, *, is_last: bool, is_lost: bool
) -> Work[ResultRow]:
    party = call.party[:LONGEST_PARTY]
    is_incoming = call.direction == "inbound"
    facts = _Facts.of((yield Keyed(SELECT_FACTS, (stored.key,))))
    decided = facts.decide(is_incoming=is_incoming, is_lost=is_lost)
    row = ResultRow(  # written out: with `_asdict`, the event of a call's end takes 2 % more instructions
        call_key=stored.key,
        id=call.id,
        previous=previous,
        is_last=is_last,
        direction=call.direction,
        flow=stored.flow,
        party=party,
        party_end=party[::-1],
        line=call.line[:LONGEST_PARTY],
        name=call.name,
        step=call.step,
        is_played=call.is_played,
        has_failed=facts.has_failed,
        result=decided.result,
        own=decided.own,
        rang=decided.rang,
        began_at=stored.began_at,
        person_at=decided.person_at,
        ended_at=None if is_lost else at,
        version=call.version,
        webhook=facts.webhook,
        changed_at=at,
        is_counted=not is_incoming,
    )
    yield INSERT_RESULT, row[: len(GIVEN)]
    return row


class _Facts(NamedTuple):
    """What decides a call's result."""

    turns: list[tuple[int, TurnFacts]]
    has_failed: bool
    events: list[ResultEvent]
    webhook: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> _Facts:
        turns = list[tuple[int, TurnFacts]]()
        events = []
        has_failed = False
        last = 0
        for _, number, kind, of_kind, at, webhook, rang, own, failed in rows:
            last = max(last, webhook)
            if kind in EVENTS:
                events.append(ResultEvent(kind, number, of_kind, at))
            elif not kind:
                turns.append((number, TurnFacts(of_kind, rang, own)))
                has_failed = has_failed or bool(failed)
        return cls(sorted(turns, key=lambda turn: turn[0]), has_failed, events, last)

    def decide(self, *, is_incoming: bool, is_lost: bool) -> DecidedResult:
        return decide(self.turns, self.events, is_incoming=is_incoming, is_lost=is_lost)


def set_result(id_: str, result: str, at: int) -> Work[None]:
    yield Keyed(LOCK_CALL, (id_,))
    yield SET_RESULT, (id_, result)
    yield from refresh_result(id_, at)


def may_change_result(webhook: WebhookRow) -> bool:
    """Only for webhooks that do not move their call."""
    return webhook.kind in EVENTS and bool(webhook.session)


def refresh_result(id_: str, at: int, ended_at: int | None = None) -> Work[None]:
    """Decide a locked call's result again after a later fact, if it has a row.

    `ended_at` is a late report of its end; the first one counts.
    """
    for _, version, key, direction, known_end in (yield Keyed(SELECT_RESULT, (id_,))):
        end = known_end if known_end is not None else ended_at
        facts = _Facts.of((yield Keyed(SELECT_FACTS, (key,))))
        decided = facts.decide(is_incoming=direction == "inbound", is_lost=end is None)
        changed = (*decided, end, version, facts.webhook, at)
        yield UPDATE_RESULT, (key, *changed)


def end_lost_results(leg: str, at: int) -> Work[None]:
    for _, id_ in (yield Keyed(LOCK_LOST_SESSIONS, (leg,))):
        yield from refresh_result(id_, at, ended_at=at)


# Sums


class SumKey(NamedTuple):
    """What the sums are counted by.

    At `BY_DAY`, `quarter` is that of midnight. `until_s` runs from the answer webhook until a person answered.
    """

    level: int
    quarter: int
    result: str
    flow: str
    line: str = ""
    own: str = ""
    until_s: int = NOBODY_ANSWERED


def _counts(row: ResultRow) -> tuple[str, str, int, int]:
    if not row.is_last or row.direction != "inbound":
        return "", "", 0, NOBODY_ANSWERED
    ms = max(0, row.ended_at - row.began_at) if row.ended_at is not None else 0
    until_s = NOBODY_ANSWERED if row.person_at is None else max(0, row.person_at - row.began_at) // 1000
    return row.result, row.own, ms, until_s


def _add(changes: dict[SumKey, list[int]], row: ResultRow, counted: tuple[str, str, int, int], sign: int) -> None:
    result, own, ms, until_s = counted
    if result:
        quarter = row.began_at // QUARTER_MS
        for key in (
            SumKey(BY_START, quarter, result, row.flow),
            SumKey(BY_QUARTER, quarter, result, row.flow, row.line, own, until_s),
            SumKey(BY_DAY, quarter // DAY * DAY, result, row.flow, row.line, own, until_s),
        ):
            changes[key][0] += sign
            changes[key][1] += sign * ms


def read_result(row: Sequence[Any]) -> ResultRow:
    """Read `COLUMNS`, and perhaps the reason."""
    read = ResultRow(*row)
    return read._replace(
        is_last=bool(read.is_last),
        is_played=bool(read.is_played),
        has_failed=bool(read.has_failed),
        is_counted=bool(read.is_counted),
    )


def _write_sums(changes: Mapping[SumKey, Sequence[int]]) -> Work[None]:
    """The same order on all hosts prevents deadlocks."""
    kept = sorted((key, change) for key, change in changes.items() if any(change))
    yield Many(ADD_TO_SUMS, [(*key, *change) for key, change in kept])
    yield Many(DELETE_EMPTY_SUM, [key for key, change in kept if change[0] < 0])


def count_before_deletion(keys: Iterable[int]) -> Work[None]:
    """Add locked calls' changed rows to the sums first."""
    yield from _count_rows((yield Many(SELECT_UNCOUNTED_OF, [(key,) for key in keys])))


def _count_rows(found: Iterable[Row]) -> Work[int]:
    rows = [read_result(row) for row in found]
    changes = defaultdict[SumKey, list[int]](lambda: [0, 0])
    counted = []
    for row in rows:
        _add(changes, row, (row.counted_result, row.counted_own, row.counted_ms, row.counted_until_s), -1)
        counts = _counts(row)
        _add(changes, row, counts, 1)
        counted.append((row.call_key, *counts))
    yield from _write_sums(changes)
    yield Many(SET_COUNTED, counted)
    return len(rows)


def subtract(keys: Iterable[int]) -> Work[None]:
    changes = defaultdict[SumKey, list[int]](lambda: [0, 0])
    for found in (yield Many(LOCK_ROW, [(key,) for key in keys])):
        row = read_result(found)
        _add(changes, row, (row.counted_result, row.counted_own, row.counted_ms, row.counted_until_s), -1)
    yield from _write_sums(changes)


class Results(InDatabase):
    """Decides and writes the results of calls in an open database."""

    async def decided(self, id_: str, *, is_incoming: bool, is_lost: bool) -> DecidedResult:
        """As if the call ended now."""
        facts = _Facts.of(await self.read(SELECT_FACTS_OF, id_))
        return facts.decide(is_incoming=is_incoming, is_lost=is_lost)

    async def has_uncounted(self) -> bool:
        return await self.is_any(SELECT_ANY_UNCOUNTED)

    @in_one_transaction
    def count(self, limit: int = BATCH) -> Work[int]:
        """Return how many rows were added to the sums."""
        return (yield from _count_rows((yield SELECT_UNCOUNTED, (limit,))))

    @in_one_transaction
    def mark_returned(self, id_: str, now: int, by: str) -> Work[bool]:
        """Return False if the call has no row."""
        return bool((yield RETURN_CALL, (id_, now, by, now)))

    @in_one_transaction
    def mark_to_return(self, id_: str, now: int) -> Work[bool]:
        return bool((yield RETURN_CALL, (id_, None, "", now)))
