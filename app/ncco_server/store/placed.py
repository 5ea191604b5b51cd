"""Calls that this server is asked to place, and their attempts: each makes at most one request for a call.

Its webhooks show how it ends. Rows are always locked in this order: the control row, the placed call, its attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from ncco_server.store.database import InDatabase, Many, Row, Work, give_way, in_one_transaction
from ncco_server.store.hooks import add_hooks
from ncco_server.store.placed_rows import (
    ANY_PLACED,
    ATTEMPT_COLUMNS,
    COMPLETED,
    HUNG_UP,
    PLACED_COLUMNS,
    AttemptKey,
    AttemptResult,
    AttemptRow,
    AttemptState,
    Begun,
    CalledCounts,
    PlacedCounts,
    PlacedFilter,
    PlacedRow,
    PlacingControl,
    PlacingLimits,
)
from ncco_server.store.sql import ATTEMPTS_TABLE, PLACED_TABLE, PLACING_TABLE, ListSql, Sql
from ncco_server.store.table_rows import find
from ncco_server.table_rows import table_of

GAP_MS: Final = 400
"""Between two new calls of an application, on any host.

Vonage accepts 3 a second, counted when they arrive, and may refuse (429) a call that a flow dials. Source: Outbound
REST.
"""
BUSY_MS: Final = 5_000
"""Delays a call while placing is paused or at a limit, or its flow is calling the same number."""
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
ADDED_SIZE: Final = 200
STOPPED_SIZE: Final = 500
_INSERT: Final = Sql.insert(PLACED_TABLE, PlacedRow._fields, "ON CONFLICT (key) DO NOTHING")
_SELECT_BY_KEY: Final = Sql(f"SELECT {PLACED_COLUMNS} FROM {PLACED_TABLE} WHERE key = $1")
_SELECT: Final = Sql(f"SELECT {PLACED_COLUMNS} FROM {PLACED_TABLE} WHERE id = $1")
_LOCK_PLACED: Final = _SELECT.locking("FOR UPDATE")
_END_WAITING: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = 'over', outcome = $3, problem = $4, due_at = NULL, updated_at = $5, salt = '',
        cancelled_at = CASE WHEN $3 = 'cancelled' THEN $5 ELSE cancelled_at END
    WHERE id = $1 AND tries = $2 AND state = 'waiting'
    RETURNING id
""")
_CANCEL: Final = Sql(f"UPDATE {PLACED_TABLE} SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL RETURNING id")
SELECT_CONTROL: Final = Sql(f"SELECT {', '.join(PlacingControl._fields)} FROM {PLACING_TABLE} WHERE id = 1")
_SELECT_PAGE: Final = Sql(f"""
    SELECT {PLACED_COLUMNS}
    FROM {PLACED_TABLE}
    WHERE (CAST($2 AS text) = '' OR (created_at, id) < (SELECT created_at, id FROM {PLACED_TABLE} WHERE id = $2))
        AND (CAST($3 AS text) = '' OR flow = $3) AND (CAST($4 AS text) = '' OR state = $4)
        AND (CAST($5 AS text) = '' OR outcome = $5) AND (CAST($6 AS text) = '' OR batch = $6)
        AND (CAST($7 AS text) = '' OR replace(number, $7, '') <> number) AND (CAST($8 AS text) = '' OR owner = $8)
        AND (CAST($9 AS text) = '' OR origin = $9)
    ORDER BY created_at DESC, id DESC
    LIMIT $1
""")
_COUNT: Final = Sql(f"""
    SELECT state, outcome, count(*)
    FROM {PLACED_TABLE}
    WHERE CAST($1 AS text) = '' OR batch = $1
    GROUP BY state, outcome
    ORDER BY state, outcome
""")
_STOP_BATCH: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = 'over', outcome = 'cancelled', due_at = NULL, cancelled_at = $2, updated_at = $2, salt = ''
    WHERE state = 'waiting' AND id IN (
        SELECT id FROM {PLACED_TABLE} WHERE batch = $1 AND batch <> '' AND due_at IS NOT NULL ORDER BY due_at LIMIT $3
    )
    RETURNING id
""")
_SELECT_ATTEMPTS: Final = Sql(f"SELECT {ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE placed = $1 ORDER BY number")
_COUNT_ACTIVE: Final = Sql(f"""
    SELECT
        (SELECT count(*) FROM {PLACED_TABLE} WHERE due_at IS NOT NULL),
        (SELECT count(*) FROM {ATTEMPTS_TABLE} WHERE over_at IS NULL)
""")
_COUNT_CALLED: Final = Sql(f"""
    SELECT count(DISTINCT placed), count(DISTINCT CASE WHEN answered_at IS NOT NULL THEN placed END)
    FROM {ATTEMPTS_TABLE}
    WHERE placing_at >= $1
""")
_SELECT_NEWEST: Final = Sql(f"""
    SELECT id, state, outcome, due_at, cancelled_at
    FROM {PLACED_TABLE}
    ORDER BY created_at DESC, id DESC
    LIMIT $1
""")
_SELECT_NEWEST_ATTEMPTS: Final = Sql(f"""
    SELECT placed, number, state, outcome FROM {ATTEMPTS_TABLE} ORDER BY placing_at DESC LIMIT $1
""")
_ERASE: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET number = '', params = '', salt = '', digest = '', problem = '', due_at = NULL, state = 'over',
        outcome = CASE WHEN outcome = '' THEN 'cancelled' ELSE outcome END
    WHERE id = $1
""")
_ERASE_ATTEMPTS: Final = Sql(f"""
    UPDATE {ATTEMPTS_TABLE}
    SET to_number = '', leg = '', conversation = '', problem = '', state = 'over', give_up_at = NULL,
        over_at = coalesce(over_at, placing_at), outcome = CASE WHEN state = 'over' THEN outcome ELSE '' END
    WHERE placed = $1
""")
_BEGIN: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = 'calling', due_at = NULL, tries = tries + 1, problem = '', updated_at = $3
    WHERE id = $1 AND tries = $2 AND state = 'waiting'
    RETURNING id
""")
_WAIT_AGAIN: Final = Sql(f"""
    UPDATE {PLACED_TABLE} SET state = 'waiting', due_at = $2, tries = tries - 1, problem = $3, updated_at = $4
    WHERE id = $1
""")
_END: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = $2, outcome = $3, problem = $4, due_at = $5, updated_at = $6,
        salt = CASE WHEN $2 = 'over' THEN '' ELSE salt END
    WHERE id = $1
""")
_ADD_CONTROL: Final = Sql(f"""
    INSERT INTO {PLACING_TABLE} (id, next_at, paused_by, reason) VALUES (1, 0, '', '') ON CONFLICT (id) DO NOTHING
""")
_LOCK_CONTROL: Final = SELECT_CONTROL.locking("FOR UPDATE")
_SET_NEXT: Final = Sql(f"UPDATE {PLACING_TABLE} SET next_at = $1 WHERE id = 1")
_SET_PAUSED: Final = Sql(f"UPDATE {PLACING_TABLE} SET paused_at = $1, paused_by = $2, reason = $3 WHERE id = 1")
_HOLD: Final = Sql(f"""
    UPDATE {PLACING_TABLE} SET held_until = $1, held_for = $2
    WHERE id = 1 AND (held_until IS NULL OR held_until < $1)
""")
_COUNT_SINCE: Final = Sql(f"SELECT count(*) FROM {ATTEMPTS_TABLE} WHERE placing_at > $1")
_INSERT_ATTEMPT: Final = Sql.insert(ATTEMPTS_TABLE, AttemptRow._fields, "ON CONFLICT DO NOTHING RETURNING placed")
_SELECT_ATTEMPT: Final = Sql(f"SELECT {ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE placed = $1 AND number = $2")
_LOCK_ATTEMPT: Final = _SELECT_ATTEMPT.locking("FOR UPDATE")
_CHANGING: Final = ("state", "leg", "conversation", "give_up_at", "answered_at", "over_at", "outcome", "problem")
_UPDATE_ATTEMPT: Final = Sql(f"""
    UPDATE {ATTEMPTS_TABLE}
    SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_CHANGING, 3))}
    WHERE placed = $1 AND number = $2
""")
_DELETE_ATTEMPT: Final = Sql(f"DELETE FROM {ATTEMPTS_TABLE} WHERE placed = $1 AND number = $2")
_SELECT_DUE: Final = ListSql(
    f"""
    SELECT {PLACED_COLUMNS}
    FROM {PLACED_TABLE} AS placed
    WHERE due_at <= $1 AND flow IN (%s) AND NOT EXISTS (
        SELECT 1
        FROM {ATTEMPTS_TABLE} AS attempt
        WHERE attempt.flow = placed.flow AND attempt.to_number = placed.number AND attempt.over_at IS NULL
    )
    ORDER BY due_at, id
    LIMIT $2
""",
    2,
)
_SELECT_EXPIRED: Final = ListSql(
    f"""
    SELECT {PLACED_COLUMNS}
    FROM {PLACED_TABLE}
    WHERE expires_at <= $1 AND due_at IS NOT NULL AND (expires_at <= $3 OR flow IN (%s))
    ORDER BY expires_at
    LIMIT $2
""",
    3,
)
_SELECT_LEFT: Final = ListSql(
    f"""
    SELECT {PLACED_COLUMNS}
    FROM {PLACED_TABLE}
    WHERE due_at <= $1 AND problem = '' AND flow NOT IN (%s)
    ORDER BY due_at
    LIMIT $2
""",
    2,
)
_POSTPONE: Final = Sql(f"""
    UPDATE {PLACED_TABLE} SET due_at = $3, problem = $4, updated_at = $5
    WHERE id = $1 AND tries = $2 AND state = 'waiting'
""")
_SELECT_CANCELLED: Final = Sql(f"""
    SELECT {", ".join(f"attempt.{name}" for name in AttemptRow._fields)}
    FROM {ATTEMPTS_TABLE} AS attempt
    JOIN {PLACED_TABLE} AS placed ON placed.id = attempt.placed
    WHERE attempt.over_at IS NULL AND attempt.leg <> '' AND attempt.problem <> '{HUNG_UP}'
        AND placed.cancelled_at IS NOT NULL
    LIMIT $1
""")
_SELECT_SILENT: Final = Sql(f"""
    SELECT {ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE give_up_at <= $1 ORDER BY give_up_at LIMIT $2
""")


def _ignore(_: int) -> None: ...


def erase_placed(ids: Sequence[str]) -> Work[None]:
    """Keep the keys, for repeated requests, and the attempts, which count towards limits."""
    yield Many(_ERASE, [(id_,) for id_ in ids])
    yield Many(_ERASE_ATTEMPTS, [(id_,) for id_ in ids])


def _locked_control() -> Work[PlacingControl]:
    yield _ADD_CONTROL, ()
    return PlacingControl._make((yield _LOCK_CONTROL, ())[0])


def _locked_attempt(key: AttemptKey) -> Work[AttemptRow | None]:
    found = yield _LOCK_ATTEMPT, key
    return AttemptRow._make(found[0]) if found else None


def _locked(key: AttemptKey) -> Work[tuple[PlacedRow | None, AttemptRow | None]]:
    """Keep the order, so that two hosts do not deadlock."""
    found = yield _LOCK_PLACED, key[:1]
    attempt = yield from _locked_attempt(key)
    return (PlacedRow._make(found[0]) if found else None), attempt


def _save(attempt: AttemptRow) -> Work[AttemptRow]:
    yield _UPDATE_ATTEMPT, (*attempt.key, *(getattr(attempt, name) for name in _CHANGING))
    return attempt


def _moved(attempt: AttemptRow, leg: str) -> AttemptRow:
    """Drop what the events of another leg have claimed."""
    if attempt.leg in ("", leg):
        return attempt._replace(leg=leg)
    return attempt._replace(leg=leg, conversation="", answered_at=None, outcome="")


class PlacedCalls(InDatabase):
    """The placed calls in an open database. `now` is in milliseconds."""

    # Requests

    @in_one_transaction
    def add(self, rows: Sequence[PlacedRow]) -> Work[list[PlacedRow]]:
        """Return the stored calls in order. An existing key's call is not changed."""
        yield Many(_INSERT, sorted(rows, key=attrgetter("key")))  # sorted, so that two hosts do not deadlock
        found = yield Many(_SELECT_BY_KEY, [(row.key,) for row in rows])
        return list(map(PlacedRow._make, found))

    async def add_many(self, rows: Sequence[PlacedRow], listener: Callable[[int], None] = _ignore) -> list[PlacedRow]:
        """Use several transactions, so that callers can use the store; `listener` gets the count so far."""
        stored = list[PlacedRow]()
        while len(stored) < len(rows):
            began = time.monotonic()
            stored += await self.add(rows[len(stored) : len(stored) + ADDED_SIZE])
            listener(len(stored))
            await give_way(began)
        return stored

    async def get(self, id_: str) -> PlacedRow | None:
        return await self.one(PlacedRow._make, _SELECT, id_)

    async def attempts(self, id_: str) -> list[AttemptRow]:
        return await self.all(AttemptRow._make, _SELECT_ATTEMPTS, id_)

    async def list(self, limit: int, before: str = "", wanted: PlacedFilter = ANY_PLACED) -> Sequence[PlacedRow]:
        return await self.all(PlacedRow._make, _SELECT_PAGE, limit, before, *wanted)

    async def count(self, batch: str = "") -> dict[tuple[str, str], int]:
        """Count by state and outcome, in one batch or (with "") in all."""
        return {(state, outcome): count for state, outcome, count in await self.read(_COUNT, batch)}

    @in_one_transaction
    def cancel(self, id_: str, now: int) -> Work[PlacedRow | None]:
        """Return the call's previous row, or None if there is no such call.

        A waiting call is over at once. An attempt in progress goes on as the last one, and a person who answers it
        hears a goodbye.
        """
        found = yield _LOCK_PLACED, (id_,)
        if not found:
            return None
        row = PlacedRow._make(found[0])
        if row.state == "waiting":
            yield _END_WAITING, (id_, row.tries, "cancelled", "", now)
        elif row.state == "calling":
            yield _CANCEL, (id_, now)
        return row

    async def stop_batch(self, batch: str, now: int, listener: Callable[[int], None] = _ignore) -> int:
        """Use several transactions, next due first; return how many were cancelled."""
        stopped = 0
        while True:
            began = time.monotonic()
            gone = await self._stop(batch, now)
            if not gone:
                return stopped
            stopped += gone
            listener(stopped)
            await give_way(began)

    @in_one_transaction
    def _stop(self, batch: str, now: int) -> Work[int]:
        return len((yield _STOP_BATCH, (batch, now, STOPPED_SIZE)))

    async def count_active(self) -> PlacedCounts:
        """The count is fast, however many calls are stored."""
        return PlacedCounts(*(await self.read(_COUNT_ACTIVE))[0])

    async def count_called(self, since: int) -> CalledCounts:
        return CalledCounts(*(await self.read(_COUNT_CALLED, since))[0])

    async def changes(self, limit: int) -> Sequence[Row]:
        """A value that changes with the newest `limit` calls and attempts, the active ones, or the pause."""
        read = self.database.read
        newest = [*await read(_SELECT_NEWEST, limit), *await read(_SELECT_NEWEST_ATTEMPTS, limit)]
        return [*newest, *await read(_COUNT_ACTIVE), *await read(SELECT_CONTROL)]

    # Placing

    async def control(self) -> PlacingControl:
        return await self.one(PlacingControl._make, SELECT_CONTROL) or PlacingControl()

    @in_one_transaction
    def pause(self, now: int, by: str, reason: str) -> Work[None]:
        """Calls in progress continue."""
        yield _ADD_CONTROL, ()
        yield _SET_PAUSED, (now, by, reason)

    @in_one_transaction
    def resume(self) -> Work[None]:
        yield _ADD_CONTROL, ()
        yield _SET_PAUSED, (None, "", "")

    @in_one_transaction
    def hold(self, until: int, reason: str) -> Work[None]:
        """Place no calls before `until` on any host: Vonage accepts none."""
        yield _ADD_CONTROL, ()
        yield _HOLD, (until, reason)

    @in_one_transaction
    def yield_to(self, dials: int, now: int) -> Work[None]:
        """Delay the next placed call, because `dials` of flows also count as new calls."""
        control = yield from _locked_control()
        yield _SET_NEXT, (max(control.next_at, now) + dials * GAP_MS,)

    async def due(self, now: int, limit: int, flows: Sequence[str]) -> Sequence[PlacedRow]:
        """Leave out calls to a number that their flow is calling."""
        return await self._waiting(_SELECT_DUE, (now, limit), flows)

    async def expired(self, now: int, limit: int, flows: Sequence[str], before: int) -> Sequence[PlacedRow]:
        """Return those of these flows, and those from `before` of any flow."""
        return await self._waiting(_SELECT_EXPIRED, (now, limit, before), flows)

    async def left(self, before: int, limit: int, flows: Sequence[str]) -> Sequence[PlacedRow]:
        """Waiting calls of all other flows that were due at `before`, and have no problem yet."""
        return await self._waiting(_SELECT_LEFT, (before, limit), flows)

    async def _waiting(self, sql: ListSql, values: Sequence[int], flows: Sequence[str]) -> Sequence[PlacedRow]:
        names = flows or ("",)
        return await self.all(PlacedRow._make, sql.of(len(names)), *values, *names)

    @in_one_transaction
    def postpone(self, calls: Sequence[tuple[PlacedRow, int, str]], now: int) -> Work[None]:
        """Change only calls that still wait for the same attempt."""
        yield Many(_POSTPONE, [(row.id, row.tries, due_at, problem, now) for row, due_at, problem in calls])

    @in_one_transaction
    def begin(
        self,
        row: PlacedRow,
        revision: str,
        now: int,
        give_up_at: int,
        limits: PlacingLimits,
        *,
        refusing: Sequence[str] = (),
    ) -> Work[Begun]:
        """Commit a waiting call's next attempt, unless a limit, a pause or another attempt prevents it.

        Exactly one request may be sent for it. Committed rows named in `refusing` also prevent it. Raises HashKeyLost.
        """
        control = yield from _locked_control()
        if control.paused_at is not None:
            return Begun(None, now + BUSY_MS)
        if (next_at := max(control.next_at, control.held_until or 0)) > now:
            return Begun(None, next_at)
        if (yield _COUNT_SINCE, (now - MINUTE_MS,))[0][0] >= limits.per_minute:
            return Begun(None, now + BUSY_MS)
        if (yield _COUNT_SINCE, (now - DAY_MS,))[0][0] >= limits.per_day:
            return Begun(None, now + MINUTE_MS)
        for name in refusing:
            if (yield from find(name, now)):
                return Begun(None, refused_by=table_of(name))
        if not (yield _BEGIN, (row.id, row.tries, now)):
            return Begun(None)
        attempt = AttemptRow(
            placed=row.id,
            number=row.tries + 1,
            flow=row.flow,
            to_number=row.number,
            revision=revision,
            state="placing",
            leg="",
            conversation="",
            placing_at=now,
            give_up_at=give_up_at,
            answered_at=None,
            over_at=None,
            outcome="",
            problem="",
        )
        if not (yield _INSERT_ATTEMPT, attempt):
            yield _WAIT_AGAIN, (row.id, now + BUSY_MS, "another call to this number is in progress", now)
            return Begun(None)
        yield _SET_NEXT, (now + GAP_MS,)
        return Begun(attempt)

    @in_one_transaction
    def sent(self, attempt: AttemptRow, leg: str, conversation: str) -> Work[AttemptRow | None]:
        """An event may have claimed another leg before."""
        stored = yield from _locked_attempt(attempt.key)
        if stored is None or stored.state != "placing":
            return stored
        moved = _moved(stored, leg)
        state: AttemptState = "placed" if moved.answered_at is None else "answered"
        return (yield from _save(moved._replace(state=state, conversation=conversation, problem="")))

    @in_one_transaction
    def note(self, attempt: AttemptRow, problem: str, give_up_at: int) -> Work[None]:
        stored = yield from _locked_attempt(attempt.key)
        if stored is not None and stored.state == "placing":
            yield from _save(stored._replace(problem=problem, give_up_at=give_up_at))

    @in_one_transaction
    def not_sent(self, attempt: AttemptRow, due_at: int, problem: str, now: int) -> Work[bool]:
        """The request certainly did not reach Vonage."""
        placed, stored = yield from _locked(attempt.key)
        if placed is None or stored is None or stored.state != "placing" or stored.leg:
            return False
        yield _DELETE_ATTEMPT, attempt.key
        yield _WAIT_AGAIN, (placed.id, due_at, problem, now)
        if placed.cancelled_at is not None:
            yield _END, (placed.id, "over", "cancelled", "", None, now)
        return True

    # Webhooks

    @in_one_transaction
    def adopt(self, placed: str, number: int, leg: str, conversation: str, to: str = "") -> Work[AttemptRow | None]:
        """Assign the leg of an event to an attempt without a leg, if it called `to` ("": unknown).

        The reply to the request or the answer webhook may still change it.
        """
        attempt = yield from _locked_attempt((placed, number))
        if attempt is None or not attempt.to_number or attempt.leg not in ("", leg):
            return attempt
        if attempt.state == "placing" and to not in ("", attempt.to_number):
            return attempt
        adopted = attempt._replace(leg=leg, conversation=conversation or attempt.conversation)
        if attempt.state in ("placing", "placed"):
            adopted = adopted._replace(problem="")
        if adopted != attempt:
            yield from _save(adopted)
        return adopted

    @in_one_transaction
    def answered(
        self,
        placed: str,
        number: int,
        leg: str,
        now: int,
        give_up_at: int,
        *,
        is_certain: bool = True,
    ) -> Work[AttemptRow | None]:
        """Mark this leg's attempt as answered; return it, or None if the person must hear a goodbye.

        That is so if the call was cancelled, another leg has the attempt, a later attempt is in progress, or Vonage had
        hung up on a machine. If this attempt had been given up, the call ends without the waiting next one; if it was
        the last, its outcome stays, because hooks were sent.

        `is_certain` is for the answer webhook, whose leg counts unless Vonage has confirmed another one.
        """
        row, attempt = yield from _locked((placed, number))
        if row is None or not row.number or row.cancelled_at is not None or attempt is None:
            return None
        is_claimed = attempt.state == "placing"
        if is_claimed and is_certain:
            attempt = _moved(attempt, leg)
        if attempt.leg not in ("", leg):
            return None
        if attempt.answered_at is not None and not (is_claimed and is_certain):
            return attempt
        answered = attempt._replace(leg=leg, answered_at=attempt.answered_at or now, problem="")
        if attempt.state != "over":
            is_ended = attempt.outcome == COMPLETED
            state: AttemptState = "answered" if is_certain or not is_claimed else "placing"
            answered = answered._replace(state=state, give_up_at=attempt.give_up_at if is_ended else give_up_at)
        elif attempt.outcome == "machine" or row.state == "calling":
            return None
        elif row.state == "waiting":
            answered = answered._replace(outcome="answered")
            yield _END, (row.id, "over", "answered", "", None, now)
        return (yield from _save(answered))

    @in_one_transaction
    def completed(self, attempt: AttemptRow, give_up_at: int) -> Work[AttemptRow | None]:
        """Wait for a webhook that shows how it ended, unless it was answered or is over."""
        stored = yield from _locked_attempt(attempt.key)
        if stored is None or stored.answered_at is not None or stored.state == "over":
            return stored
        return (yield from _save(stored._replace(outcome=COMPLETED, give_up_at=give_up_at)))

    async def look_again(self, attempt: AttemptRow, give_up_at: int) -> None:
        await self._change(attempt, give_up_at=give_up_at)

    async def detected(self, attempt: AttemptRow, outcome: str) -> None:
        await self._change(attempt, outcome=outcome)

    async def cancelled(self, limit: int) -> Sequence[AttemptRow]:
        return await self.all(AttemptRow._make, _SELECT_CANCELLED, limit)

    async def hung_up(self, attempt: AttemptRow) -> None:
        """Webhooks still report when it is over."""
        await self._change(attempt, problem=HUNG_UP)

    @in_one_transaction
    def _change(self, attempt: AttemptRow, /, **columns: Any) -> Work[None]:
        """Change an attempt, unless it is over."""
        stored = yield from _locked_attempt(attempt.key)
        if stored is not None and stored.state != "over":
            yield from _save(stored._replace(**columns))

    async def silent(self, now: int, limit: int) -> Sequence[AttemptRow]:
        return await self.all(AttemptRow._make, _SELECT_SILENT, now, limit)

    @in_one_transaction
    def finish(self, attempt: AttemptRow, result: AttemptResult, now: int, due_at: int | None = None) -> Work[bool]:
        """Without a next attempt (`due_at`), or if it was cancelled, the call ends too.

        Returns False, and writes nothing, if the attempt is over, or was answered after `attempt` was read.
        """
        placed, stored = yield from _locked(attempt.key)
        if placed is None or stored is None or stored.state == "over" or stored.answered_at != attempt.answered_at:
            return False
        outcome = result.outcome
        problem = result.problem
        yield from _save(stored._replace(state="over", give_up_at=None, over_at=now, outcome=outcome, problem=problem))
        if due_at is not None and placed.cancelled_at is None:
            yield _END, (placed.id, "waiting", "", "", due_at, now)
            return True
        if placed.cancelled_at is not None and outcome != "answered":
            outcome = "cancelled"
        yield _END, (placed.id, "over", outcome, problem, None, now)
        yield from add_hooks(result.hooks)
        return True

    @in_one_transaction
    def end_waiting(self, row: PlacedRow, result: AttemptResult, now: int) -> Work[bool]:
        """Return False if the call is no longer waiting."""
        if not (yield _END_WAITING, (row.id, row.tries, result.outcome, result.problem, now)):
            return False
        yield from add_hooks(result.hooks)
        return True
