"""Calls that this server places, and their attempts. An attempt makes at most one request for a call.

    placed = await store.placed.add([row])                          # the stored rows: a repeated key adds nothing
    begun = await store.placed.begin(row, "revision", now, limits)  # committed before the request is sent
    await store.placed.sent(begun.attempt, leg, conversation)
    await store.placed.finish(begun.attempt, AttemptResult("busy"), now, due_at=later)

States of a placed call:

    waiting   for an attempt: due_at set
    calling   an attempt is in progress: its over_at is NULL
    over      outcome set; a cancelled or expired call may never have had an attempt

States of an attempt:

    placing   committed before the request, which is sent at most once, whatever happens to this process
    placed    Vonage accepted the request
    answered  somebody picked up
    over      outcome set

The tables are an addition to the schema (`ncco_server.store.migrations`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ncco_server.store import placing
from ncco_server.store.database import Database, Many, Row, Work, give_way
from ncco_server.store.placed_rows import (
    ANY_PLACED,
    ATTEMPTS_TABLE,
    HUNG_UP,
    PLACED_TABLE,
    SELECT_CONTROL,
    AttemptResult,
    AttemptRow,
    Begun,
    CalledCounts,
    PlacedCounts,
    PlacedFilter,
    PlacedRow,
    PlacingControl,
    PlacingLimits,
)
from ncco_server.store.sql import ListSql, Sql

ADDED_SIZE: Final = 200
"""Number of calls that a bulk write adds in one transaction."""
STOPPED_SIZE: Final = 500
"""Number of calls that are cancelled in one transaction."""
_COLUMNS: Final = ", ".join(PlacedRow._fields)
_ATTEMPT_COLUMNS: Final = ", ".join(AttemptRow._fields)
_SELECT: Final = Sql(f"SELECT {_COLUMNS} FROM {PLACED_TABLE} WHERE id = $1")
_SELECT_DUE: Final = ListSql(
    f"""
    SELECT {_COLUMNS}
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
    SELECT {_COLUMNS}
    FROM {PLACED_TABLE}
    WHERE expires_at <= $1 AND due_at IS NOT NULL AND (expires_at <= $3 OR flow IN (%s))
    ORDER BY expires_at
    LIMIT $2
""",
    3,
)
_SELECT_PAGE: Final = Sql(f"""
    SELECT {_COLUMNS}
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
_POSTPONE: Final = Sql(f"""
    UPDATE {PLACED_TABLE} SET due_at = $3, problem = $4, updated_at = $5
    WHERE id = $1 AND tries = $2 AND state = 'waiting'
""")
_STOP_BATCH: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = 'over', outcome = 'cancelled', due_at = NULL, cancelled_at = $2, updated_at = $2, salt = ''
    WHERE state = 'waiting' AND id IN (
        SELECT id FROM {PLACED_TABLE} WHERE batch = $1 AND batch <> '' AND due_at IS NOT NULL ORDER BY due_at LIMIT $3
    )
    RETURNING id
""")
_SELECT_ATTEMPTS: Final = Sql(f"SELECT {_ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE placed = $1 ORDER BY number")
_SELECT_CANCELLED: Final = Sql(f"""
    SELECT {", ".join(f"attempt.{name}" for name in AttemptRow._fields)}
    FROM {ATTEMPTS_TABLE} AS attempt
    JOIN {PLACED_TABLE} AS placed ON placed.id = attempt.placed
    WHERE attempt.over_at IS NULL AND attempt.leg <> '' AND attempt.problem <> '{HUNG_UP}'
        AND placed.cancelled_at IS NOT NULL
    LIMIT $1
""")
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
_SELECT_SILENT: Final = Sql(f"""
    SELECT {_ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE give_up_at <= $1 ORDER BY give_up_at LIMIT $2
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
_DELETE_ATTEMPTS_OF: Final = Sql(f"DELETE FROM {ATTEMPTS_TABLE} WHERE placed = $1")
_DELETE_OLD: Final = Sql(f"""
    DELETE FROM {PLACED_TABLE}
    WHERE id IN (SELECT id FROM {PLACED_TABLE} WHERE created_at < $1 AND state = 'over' AND updated_at < $1 LIMIT $2)
    RETURNING id
""")


def _ignore(_: int) -> None:
    """Report no progress."""


def erase_placed(ids: Sequence[str]) -> Work[None]:
    """Forget the numbers, params and legs of placed calls.

    The keys stay, so repeated requests place no calls. The attempts stay too: they count towards the limits.
    """
    yield Many(_ERASE, [(id_,) for id_ in ids])
    yield Many(_ERASE_ATTEMPTS, [(id_,) for id_ in ids])


def sweep_placed(before: int, limit: int) -> Work[int]:
    """Delete up to `limit` calls that have been over since `before`, with their attempts; returns how many."""
    deleted = yield _DELETE_OLD, (before, limit)
    yield Many(_DELETE_ATTEMPTS_OF, [(id_,) for (id_,) in deleted])
    return len(deleted)


class PlacedCalls:
    """The placed calls in an open database. Every method may raise StoreUnavailable. `now` is in milliseconds.

    Every method is one transaction. A method that changes an attempt first checks that the attempt's state allows it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # Requests

    async def add(self, rows: Sequence[PlacedRow]) -> list[PlacedRow]:
        """Write new calls; returns the stored calls in order. A call whose key exists is not changed."""
        return await self._database.write(partial(placing.add, rows))

    async def add_many(self, rows: Sequence[PlacedRow], listener: Callable[[int], None] = _ignore) -> list[PlacedRow]:
        """Write any number of new calls in several transactions, so that callers can use the store; see `add`.

        `listener` gets the number of rows written so far.
        """
        stored = list[PlacedRow]()
        while len(stored) < len(rows):
            began = time.monotonic()
            stored += await self.add(rows[len(stored) : len(stored) + ADDED_SIZE])
            listener(len(stored))
            await give_way(began)
        return stored

    async def get(self, id_: str) -> PlacedRow | None:
        """A placed call, or None."""
        rows = await self._database.read(_SELECT, id_)
        return PlacedRow._make(rows[0]) if rows else None

    async def attempts(self, id_: str) -> list[AttemptRow]:
        """The attempts of a call, in order."""
        return list(map(AttemptRow._make, await self._database.read(_SELECT_ATTEMPTS, id_)))

    async def list(self, limit: int, before: str = "", wanted: PlacedFilter = ANY_PLACED) -> Sequence[PlacedRow]:
        """Up to `limit` calls, newest first, starting after the call with the ID `before`."""
        return list(map(PlacedRow._make, await self._database.read(_SELECT_PAGE, limit, before, *wanted)))

    async def count(self, batch: str = "") -> dict[tuple[str, str], int]:
        """The number of calls for each state and outcome, in one batch or (with "") in all."""
        return {(state, outcome): count for state, outcome, count in await self._database.read(_COUNT, batch)}

    async def cancel(self, id_: str, now: int) -> PlacedRow | None:
        """Cancel a call; returns its previous row, or None if there is no such call.

        A waiting call is then over. A call with an attempt in progress is not tried again, and a person who answers it
        hears a goodbye; this method does not hang up. A call that is over does not change.
        """
        return await self._database.write(partial(placing.cancel, id_, now))

    async def stop_batch(self, batch: str, now: int, listener: Callable[[int], None] = _ignore) -> int:
        """Cancel all waiting calls of a batch, those that are due next first; returns how many.

        This is done in several transactions, so that callers can use the store; `listener` gets the number so far.
        """
        stopped = 0
        while True:
            began = time.monotonic()
            gone = len(await self._database.write(partial(_rows, _STOP_BATCH, batch, now, STOPPED_SIZE)))
            if not gone:
                return stopped
            stopped += gone
            listener(stopped)
            await give_way(began)

    async def count_active(self) -> PlacedCounts:
        """The numbers of calls that are waiting or in progress. Fast, however many calls are stored."""
        return PlacedCounts(*(await self._database.read(_COUNT_ACTIVE))[0])

    async def count_called(self, since: int) -> CalledCounts:
        """The numbers of calls with an attempt that began at or after `since`."""
        return CalledCounts(*(await self._database.read(_COUNT_CALLED, since))[0])

    async def changes(self, limit: int) -> Sequence[Row]:
        """A value that shows whether anything has changed since the last look.

        It depends on the newest `limit` calls and attempts, the numbers of active ones, and the pause.
        """
        read = self._database.read
        newest = [*await read(_SELECT_NEWEST, limit), *await read(_SELECT_NEWEST_ATTEMPTS, limit)]
        return [*newest, *await read(_COUNT_ACTIVE), *await read(SELECT_CONTROL)]

    # Placing

    async def control(self) -> PlacingControl:
        """Whether, and from when, calls may be placed."""
        rows = await self._database.read(SELECT_CONTROL)
        return PlacingControl._make(rows[0]) if rows else PlacingControl()

    async def pause(self, now: int, by: str, reason: str) -> None:
        """Place no calls until `resume`. Calls in progress continue."""
        await self._database.write(partial(placing.pause, now, by, reason))

    async def resume(self) -> None:
        """Allow calls to be placed again."""
        await self._database.write(partial(placing.pause, None, "", ""))

    async def hold(self, until: int, reason: str) -> None:
        """Place no calls before `until`, on any host, because Vonage accepts none. Calls in progress continue."""
        await self._database.write(partial(placing.hold, until, reason))

    async def yield_to(self, dials: int, now: int) -> None:
        """Delay the next placed call, because `dials` calls that flows have just dialled also count as new calls."""
        await self._database.write(partial(placing.yield_to, dials, now))

    async def due(self, now: int, limit: int, flows: Sequence[str]) -> Sequence[PlacedRow]:
        """Up to `limit` due calls of these flows, sorted by `due_at`, unless their flow is calling the same number."""
        return await self._waiting(_SELECT_DUE, (now, limit), flows)

    async def expired(self, now: int, limit: int, flows: Sequence[str], before: int) -> Sequence[PlacedRow]:
        """Up to `limit` waiting calls that have expired: those of these flows, and of any flow those from `before`."""
        return await self._waiting(_SELECT_EXPIRED, (now, limit, before), flows)

    async def _waiting(self, sql: ListSql, values: Sequence[int], flows: Sequence[str]) -> Sequence[PlacedRow]:
        """The rows of a query that has a place for the names of flows."""
        names = flows or ("",)
        return list(map(PlacedRow._make, await self._database.read(sql.of(len(names)), *values, *names)))

    async def postpone(self, calls: Sequence[tuple[PlacedRow, int, str]], now: int) -> None:
        """Make waiting calls due at other times, each with the reason.

        Calls that are no longer waiting for the same attempt do not change.
        """
        values = [(row.id, row.tries, due_at, problem, now) for row, due_at, problem in calls]
        await self._database.write(partial(_run, Many(_POSTPONE, values)))

    async def begin(self, row: PlacedRow, revision: str, now: int, give_up_at: int, limits: PlacingLimits) -> Begun:
        """Commit the next attempt of a waiting call, unless a limit, a pause or another attempt prevents it.

        If this returns an attempt, exactly one request may be sent for it.
        """
        return await self._database.write(partial(placing.begin, row, revision, now, give_up_at, limits))

    async def sent(self, attempt: AttemptRow, leg: str, conversation: str) -> AttemptRow | None:
        """Record that Vonage accepted an attempt, and its leg, whatever leg an event claimed before.

        Returns the stored attempt.
        """
        return await self._database.write(partial(placing.sent, attempt[:2], leg, conversation))

    async def note(self, attempt: AttemptRow, problem: str, give_up_at: int) -> None:
        """Record why it is unknown whether Vonage accepted an attempt.

        The attempt's webhooks, or a lack of them, will show it.
        """
        await self._database.write(partial(placing.note, attempt[:2], problem, give_up_at))

    async def not_sent(self, attempt: AttemptRow, due_at: int, problem: str, now: int) -> bool:
        """Withdraw an attempt whose request certainly did not reach Vonage. The call waits until `due_at`."""
        return await self._database.write(partial(placing.not_sent, attempt[:2], due_at, problem, now))

    # Webhooks

    async def adopt(self, placed: str, number: int, leg: str, conversation: str, to: str = "") -> AttemptRow | None:
        """Assign the leg of an event to an attempt without a leg, if it called the number `to` ("": unknown).

        The reply to the request or the answer webhook may still assign another leg. Returns the stored attempt, if any.
        """
        return await self._database.write(partial(placing.adopt, (placed, number), leg, conversation, to))

    async def answered(
        self,
        placed: str,
        number: int,
        leg: str,
        now: int,
        give_up_at: int,
        *,
        is_certain: bool = True,
    ) -> AttemptRow | None:
        """Mark the attempt of this leg as answered, and return it; None if the person must hear a goodbye instead.

        The latter is the case if the call was cancelled, another leg has answered, Vonage had hung up on a machine, or
        another attempt has followed. If the attempt was given up and another one is due, the call is over instead. The
        hooks of an attempt that was the last one have been sent, so its outcome stays.

        With `is_certain`, this is the answer webhook, whose leg counts if Vonage has not confirmed another one.
        """
        work = partial(placing.answer, (placed, number), leg, now, give_up_at, is_certain=is_certain)
        return await self._database.write(work)

    async def completed(self, attempt: AttemptRow, give_up_at: int) -> AttemptRow | None:
        """Wait until `give_up_at` for a webhook that shows how an attempt ended, unless it was answered or is over.

        Returns the stored attempt, if any.
        """
        return await self._database.write(partial(placing.complete, attempt[:2], give_up_at))

    async def look_again(self, attempt: AttemptRow, give_up_at: int) -> None:
        """Wait for an attempt's webhooks until `give_up_at`."""
        await self._database.write(partial(placing.look_again, attempt[:2], give_up_at))

    async def detected(self, attempt: AttemptRow, outcome: str) -> None:
        """Store the result of machine detection for an answer webhook that arrives later."""
        await self._database.write(partial(placing.detect, attempt[:2], outcome))

    async def cancelled(self, limit: int) -> Sequence[AttemptRow]:
        """Up to `limit` attempts that must be hung up: they are in progress, but their call was cancelled."""
        return list(map(AttemptRow._make, await self._database.read(_SELECT_CANCELLED, limit)))

    async def hung_up(self, attempt: AttemptRow) -> None:
        """Record that this server hung up an attempt. Webhooks report when the attempt is over."""
        await self._database.write(partial(placing.hung_up, attempt[:2]))

    async def silent(self, now: int, limit: int) -> Sequence[AttemptRow]:
        """Up to `limit` attempts that must be given up because their webhooks did not arrive."""
        return list(map(AttemptRow._make, await self._database.read(_SELECT_SILENT, now, limit)))

    async def finish(self, attempt: AttemptRow, result: AttemptResult, now: int, due_at: int | None = None) -> bool:
        """End an attempt. Its call ends too, unless another attempt is due at `due_at`.

        Returns False and writes nothing if the attempt was over already, or was answered after `attempt` was read. If
        the call ends, the hooks of `result` are written.
        """
        return await self._database.write(partial(placing.finish, attempt, result, now, due_at))

    async def end_waiting(self, row: PlacedRow, result: AttemptResult, now: int) -> bool:
        """End a waiting call, such as an expired one. Returns False if the call is no longer waiting."""
        return await self._database.write(partial(placing.end_waiting, row, result, now))


def _rows(sql: Sql, *values: Any) -> Work[list[Row]]:
    return (yield sql, values)


def _run(statement: Many) -> Work[None]:
    yield statement
