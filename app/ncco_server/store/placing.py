"""The transactions that change placed calls and their attempts. Each first checks that its change is still allowed.

Rows that several hosts change are always locked in the same order: the control row, the placed call, its attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias

from ncco_server.store.database import Many, Work
from ncco_server.store.hooks import add_hooks
from ncco_server.store.placed_rows import (
    ATTEMPTS_TABLE,
    COMPLETED,
    HUNG_UP,
    PLACED_TABLE,
    PLACING_TABLE,
    SELECT_CONTROL,
    AttemptResult,
    AttemptRow,
    AttemptState,
    Begun,
    PlacedRow,
    PlacingControl,
    PlacingLimits,
)
from ncco_server.store.sql import Sql, marks

GAP_MS: Final = 400
"""Minimum time between two new calls of an application, across all hosts. Vonage accepts 3 a second. But requests may
arrive closer together than they were sent, and the call refused with 429 could be one that a flow dials for a caller.
Source: Outbound REST.
"""
BUSY_MS: Final = 5_000
"""How long a call waits if its flow is already calling the same number, or if placing is paused or at a limit."""
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


AttemptKey: TypeAlias = tuple[Any, ...]
"""The ID of the placed call, and the number of the attempt."""

_COLUMNS: Final = ", ".join(PlacedRow._fields)
_ATTEMPT_COLUMNS: Final = ", ".join(AttemptRow._fields)


_INSERT: Final = Sql(f"""
    INSERT INTO {PLACED_TABLE} ({_COLUMNS}) VALUES ({marks(len(PlacedRow._fields))})
    ON CONFLICT (key) DO NOTHING
""")
_SELECT_BY_KEY: Final = Sql(f"SELECT {_COLUMNS} FROM {PLACED_TABLE} WHERE key = $1")
_SELECT: Final = Sql(f"SELECT {_COLUMNS} FROM {PLACED_TABLE} WHERE id = $1")
_LOCK: Final = _SELECT.locking("FOR UPDATE")
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
_END_WAITING: Final = Sql(f"""
    UPDATE {PLACED_TABLE}
    SET state = 'over', outcome = $3, problem = $4, due_at = NULL, updated_at = $5, salt = '',
        cancelled_at = CASE WHEN $3 = 'cancelled' THEN $5 ELSE cancelled_at END
    WHERE id = $1 AND tries = $2 AND state = 'waiting'
    RETURNING id
""")
_CANCEL: Final = Sql(f"UPDATE {PLACED_TABLE} SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL RETURNING id")
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
_INSERT_ATTEMPT: Final = Sql(f"""
    INSERT INTO {ATTEMPTS_TABLE} ({_ATTEMPT_COLUMNS}) VALUES ({marks(len(AttemptRow._fields))})
    ON CONFLICT DO NOTHING
    RETURNING placed
""")
_SELECT_ATTEMPT: Final = Sql(f"SELECT {_ATTEMPT_COLUMNS} FROM {ATTEMPTS_TABLE} WHERE placed = $1 AND number = $2")
_LOCK_ATTEMPT: Final = _SELECT_ATTEMPT.locking("FOR UPDATE")
_UPDATE_ATTEMPT: Final = Sql(f"""
    UPDATE {ATTEMPTS_TABLE}
    SET state = $3, leg = $4, conversation = $5, give_up_at = $6, answered_at = $7, over_at = $8, outcome = $9,
        problem = $10
    WHERE placed = $1 AND number = $2
""")
_DELETE_ATTEMPT: Final = Sql(f"DELETE FROM {ATTEMPTS_TABLE} WHERE placed = $1 AND number = $2")


def add(rows: Sequence[PlacedRow]) -> Work[list[PlacedRow]]:
    """See `PlacedCalls.add`."""
    yield Many(_INSERT, sorted(rows, key=attrgetter("key")))  # sorted, so that two hosts do not deadlock
    found = yield Many(_SELECT_BY_KEY, [(row.key,) for row in rows])
    return list(map(PlacedRow._make, found))


def cancel(id_: str, now: int) -> Work[PlacedRow | None]:
    """See `PlacedCalls.cancel`."""
    found = yield _LOCK, (id_,)
    if not found:
        return None
    row = PlacedRow._make(found[0])
    if row.state == "waiting":
        yield _END_WAITING, (id_, row.tries, "cancelled", "", now)
    elif row.state == "calling":
        yield _CANCEL, (id_, now)
    return row


def _locked_control() -> Work[PlacingControl]:
    """Lock the row that every host locks before it places a call."""
    yield _ADD_CONTROL, ()
    return PlacingControl._make((yield _LOCK_CONTROL, ())[0])


def pause(paused_at: int | None, by: str, reason: str) -> Work[None]:
    """See `PlacedCalls.pause`."""
    yield _ADD_CONTROL, ()
    yield _SET_PAUSED, (paused_at, by, reason)


def hold(until: int, reason: str) -> Work[None]:
    """See `PlacedCalls.hold`."""
    yield _ADD_CONTROL, ()
    yield _HOLD, (until, reason)


def yield_to(dials: int, now: int) -> Work[None]:
    """See `PlacedCalls.yield_to`."""
    control = yield from _locked_control()
    yield _SET_NEXT, (max(control.next_at, now) + dials * GAP_MS,)


def begin(row: PlacedRow, revision: str, now: int, give_up_at: int, limits: PlacingLimits) -> Work[Begun]:
    """See `PlacedCalls.begin`."""
    control = yield from _locked_control()
    if control.paused_at is not None:
        return Begun(None, now + BUSY_MS)
    if (next_at := max(control.next_at, control.held_until or 0)) > now:
        return Begun(None, next_at)
    if (yield _COUNT_SINCE, (now - MINUTE_MS,))[0][0] >= limits.per_minute:
        return Begun(None, now + BUSY_MS)
    if (yield _COUNT_SINCE, (now - DAY_MS,))[0][0] >= limits.per_day:
        return Begun(None, now + MINUTE_MS)
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


def _locked_attempt(key: AttemptKey) -> Work[AttemptRow | None]:
    found = yield _LOCK_ATTEMPT, key
    return AttemptRow._make(found[0]) if found else None


def _locked(key: AttemptKey) -> Work[tuple[PlacedRow | None, AttemptRow | None]]:
    """Lock a placed call and its attempt, always in this order, so that two hosts do not deadlock."""
    found = yield _LOCK, key[:1]
    attempt = yield from _locked_attempt(key)
    return (PlacedRow._make(found[0]) if found else None), attempt


def _save(attempt: AttemptRow) -> Work[AttemptRow]:
    changing = (
        attempt.placed,
        attempt.number,
        attempt.state,
        attempt.leg,
        attempt.conversation,
        attempt.give_up_at,
        attempt.answered_at,
        attempt.over_at,
        attempt.outcome,
        attempt.problem,
    )
    yield _UPDATE_ATTEMPT, changing
    return attempt


def adopt(key: AttemptKey, leg: str, conversation: str, to: str) -> Work[AttemptRow | None]:
    """See `PlacedCalls.adopt`."""
    attempt = yield from _locked_attempt(key)
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


def sent(key: AttemptKey, leg: str, conversation: str) -> Work[AttemptRow | None]:
    """See `PlacedCalls.sent`."""
    attempt = yield from _locked_attempt(key)
    if attempt is None or attempt.state != "placing":
        return attempt
    known = _moved(attempt, leg)
    state: AttemptState = "placed" if known.answered_at is None else "answered"
    return (yield from _save(known._replace(state=state, conversation=conversation, problem="")))


def _moved(attempt: AttemptRow, leg: str) -> AttemptRow:
    """An attempt with its true leg, without what the events of another leg have claimed."""
    if attempt.leg in ("", leg):
        return attempt._replace(leg=leg)
    return attempt._replace(leg=leg, conversation="", answered_at=None, outcome="")


def note(key: AttemptKey, problem: str, give_up_at: int) -> Work[None]:
    """See `PlacedCalls.note`."""
    attempt = yield from _locked_attempt(key)
    if attempt is not None and attempt.state == "placing":
        yield from _save(attempt._replace(problem=problem, give_up_at=give_up_at))


def not_sent(key: AttemptKey, due_at: int, problem: str, now: int) -> Work[bool]:
    """See `PlacedCalls.not_sent`."""
    placed, attempt = yield from _locked(key)
    if placed is None or attempt is None or attempt.state != "placing" or attempt.leg:
        return False
    yield _DELETE_ATTEMPT, key
    yield _WAIT_AGAIN, (placed.id, due_at, problem, now)
    if placed.cancelled_at is not None:
        yield _END, (placed.id, "over", "cancelled", "", None, now)
    return True


def answer(key: AttemptKey, leg: str, now: int, give_up_at: int, *, is_certain: bool) -> Work[AttemptRow | None]:
    """See `PlacedCalls.answered`."""
    placed, attempt = yield from _locked(key)
    if placed is None or not placed.number or placed.cancelled_at is not None:
        return None
    if attempt is None:
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
    elif attempt.outcome == "machine" or placed.state == "calling":
        return None
    elif placed.state == "waiting":
        answered = answered._replace(outcome="answered")
        yield _END, (placed.id, "over", "answered", "", None, now)
    return (yield from _save(answered))


def complete(key: AttemptKey, give_up_at: int) -> Work[AttemptRow | None]:
    """See `PlacedCalls.completed`."""
    attempt = yield from _locked_attempt(key)
    if attempt is None or attempt.answered_at is not None or attempt.state == "over":
        return attempt
    return (yield from _save(attempt._replace(outcome=COMPLETED, give_up_at=give_up_at)))


def look_again(key: AttemptKey, give_up_at: int) -> Work[None]:
    """See `PlacedCalls.look_again`."""
    attempt = yield from _locked_attempt(key)
    if attempt is not None and attempt.state != "over":
        yield from _save(attempt._replace(give_up_at=give_up_at))


def detect(key: AttemptKey, outcome: str) -> Work[None]:
    """See `PlacedCalls.detected`."""
    attempt = yield from _locked_attempt(key)
    if attempt is not None and attempt.state != "over":
        yield from _save(attempt._replace(outcome=outcome))


def hung_up(key: AttemptKey) -> Work[None]:
    """See `PlacedCalls.hung_up`."""
    attempt = yield from _locked_attempt(key)
    if attempt is not None and attempt.state != "over":
        yield from _save(attempt._replace(problem=HUNG_UP))


def finish(known: AttemptRow, result: AttemptResult, now: int, due_at: int | None) -> Work[bool]:
    """See `PlacedCalls.finish`."""
    placed, attempt = yield from _locked(known[:2])
    if placed is None or attempt is None or attempt.state == "over" or attempt.answered_at != known.answered_at:
        return False
    outcome = result.outcome
    problem = result.problem
    yield from _save(attempt._replace(state="over", give_up_at=None, over_at=now, outcome=outcome, problem=problem))
    if due_at is not None and placed.cancelled_at is None:
        yield _END, (placed.id, "waiting", "", "", due_at, now)
        return True
    if placed.cancelled_at is not None and outcome != "answered":
        outcome = "cancelled"
    yield _END, (placed.id, "over", outcome, problem, None, now)
    yield from add_hooks(result.hooks)
    return True


def end_waiting(row: PlacedRow, result: AttemptResult, now: int) -> Work[bool]:
    """See `PlacedCalls.end_waiting`."""
    if not (yield _END_WAITING, (row.id, row.tries, result.outcome, result.problem, now)):
        return False
    yield from add_hooks(result.hooks)
    return True
