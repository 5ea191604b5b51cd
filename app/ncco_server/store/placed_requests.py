"""Calls that this server is asked to place: they are added, listed, counted and cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from ncco_server.store.database import InDatabase, Many, Row, Work, give_way, in_one_transaction
from ncco_server.store.placed_rows import (
    ANY_PLACED,
    ATTEMPT_COLUMNS,
    PLACED_COLUMNS,
    AttemptRow,
    CalledCounts,
    PlacedCounts,
    PlacedFilter,
    PlacedRow,
    PlacingControl,
)
from ncco_server.store.sql import ATTEMPTS_TABLE, PLACED_TABLE, PLACING_TABLE, Sql, marks

ADDED_SIZE: Final = 200
STOPPED_SIZE: Final = 500
_INSERT: Final = Sql(f"""
    INSERT INTO {PLACED_TABLE} ({PLACED_COLUMNS}) VALUES ({marks(len(PlacedRow._fields))})
    ON CONFLICT (key) DO NOTHING
""")
_SELECT_BY_KEY: Final = Sql(f"SELECT {PLACED_COLUMNS} FROM {PLACED_TABLE} WHERE key = $1")
_SELECT: Final = Sql(f"SELECT {PLACED_COLUMNS} FROM {PLACED_TABLE} WHERE id = $1")
LOCK_PLACED: Final = _SELECT.locking("FOR UPDATE")
END_WAITING: Final = Sql(f"""
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


def _ignore(_: int) -> None: ...


def erase_placed(ids: Sequence[str]) -> Work[None]:
    """Keep the keys, for repeated requests, and the attempts, which count towards limits."""
    yield Many(_ERASE, [(id_,) for id_ in ids])
    yield Many(_ERASE_ATTEMPTS, [(id_,) for id_ in ids])


class PlacedRequests(InDatabase):
    """The wanted calls in an open database. `now` is in milliseconds."""

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
        return list(map(AttemptRow._make, await self.database.read(_SELECT_ATTEMPTS, id_)))

    async def list(self, limit: int, before: str = "", wanted: PlacedFilter = ANY_PLACED) -> Sequence[PlacedRow]:
        return list(map(PlacedRow._make, await self.database.read(_SELECT_PAGE, limit, before, *wanted)))

    async def count(self, batch: str = "") -> dict[tuple[str, str], int]:
        """Count by state and outcome, in one batch or (with "") in all."""
        return {(state, outcome): count for state, outcome, count in await self.database.read(_COUNT, batch)}

    @in_one_transaction
    def cancel(self, id_: str, now: int) -> Work[PlacedRow | None]:
        """Return the call's previous row, or None if there is no such call.

        A waiting call is over at once. An attempt in progress goes on as the last one, and a person who answers it
        hears a goodbye.
        """
        found = yield LOCK_PLACED, (id_,)
        if not found:
            return None
        row = PlacedRow._make(found[0])
        if row.state == "waiting":
            yield END_WAITING, (id_, row.tries, "cancelled", "", now)
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
        return PlacedCounts(*(await self.database.read(_COUNT_ACTIVE))[0])

    async def count_called(self, since: int) -> CalledCounts:
        return CalledCounts(*(await self.database.read(_COUNT_CALLED, since))[0])

    async def changes(self, limit: int) -> Sequence[Row]:
        """A value that changes with the newest `limit` calls and attempts, the active ones, or the pause."""
        read = self.database.read
        newest = [*await read(_SELECT_NEWEST, limit), *await read(_SELECT_NEWEST_ATTEMPTS, limit)]
        return [*newest, *await read(_COUNT_ACTIVE), *await read(SELECT_CONTROL)]
