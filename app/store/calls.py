"""Operations on calls, their turns, their webhooks, and revisions of flows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from app.errors import AlreadyOpen, Conflict
from app.store.database import Insert, Many, Work
from app.store.hooks import add_hooks
from app.store.rows import HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow

PROBE: Final = bytes(16_384)
"""More than the free space in any page, so that a full disk shows."""

SESSION_COLUMNS: Final = "id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at"

INSERT_CALL: Final = f"""
    INSERT INTO calls ({SESSION_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO NOTHING
"""

UPDATE_CALL: Final = """
    UPDATE calls
    SET leg = $2, conversation = $3, flow = $4, revision = $5, version = $6, state = $7, is_over = $8, created_at = $9,
        updated_at = $10
    WHERE id = $1 AND version + 1 = $6
        AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.call_key = calls.key AND turns.number = $11)
    RETURNING id, key
"""

INSERT_TURN: Final = """
    INSERT INTO turns (
        call_key, number, ncco, trace, inputs, webhook, cause_turn, cause_wait, cause_status, created_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# call_key is NULL when the webhook belongs to no stored call; session is what it names all the same. $12 is the key of
# the call where it is known.
INSERT_WEBHOOK: Final = """
    INSERT INTO webhooks (
        call_key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at
    )
    VALUES (coalesce($12::bigint, (SELECT key FROM calls WHERE id = $3)), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

# Of two hosts that record the same delivery at the same moment, one waits here for the other.
LOCK_CALL: Final = "SELECT id FROM calls WHERE id = $1 FOR NO KEY UPDATE"

SELECT_DELIVERED: Final = """
    SELECT calls.id
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = $1 AND webhooks.turn = $2 AND webhooks.wait = $3 AND webhooks.status = $4
    LIMIT 1
"""

SELECT_CALL: Final = f"SELECT {SESSION_COLUMNS} FROM calls WHERE id = $1"

# Nearly every call has its leg for an id; only the others are in an index of legs.
_OPEN_CALLS_OF_LEG: Final = """
    leg <> '' AND key IN (
        SELECT key FROM calls WHERE id = $1 AND leg = id AND NOT is_over
        UNION ALL
        SELECT key FROM calls WHERE left(leg, 200) = left($1, 200) AND leg = $1 AND leg <> id AND NOT is_over
    )
"""

SELECT_CALLS_OF_LEG: Final = f"""
    SELECT {SESSION_COLUMNS}
    FROM calls
    WHERE {_OPEN_CALLS_OF_LEG}
    ORDER BY created_at, id
"""

# The last conditions are checked again for a call that another host has just changed.
END_CALLS: Final = f"""
    UPDATE calls
    SET is_over = true, version = version + 1, updated_at = $2
    WHERE {_OPEN_CALLS_OF_LEG} AND leg = $1 AND NOT is_over
    RETURNING leg
"""

SELECT_REPLY: Final = """
    SELECT turns.ncco
    FROM calls
    JOIN turns ON turns.call_key = calls.key
    WHERE calls.id = $1 AND turns.cause_turn = $2 AND turns.cause_wait = $3
        AND coalesce($4::text, cause_status) = cause_status
    ORDER BY turns.number
    LIMIT 1
"""

SELECT_STATUSES: Final = """
    SELECT webhooks.wait, webhooks.status
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = $1 AND webhooks.turn = $2 AND webhooks.wait >= 0
    ORDER BY webhooks.key
"""

INSERT_REVISION: Final = """
    INSERT INTO revisions (hash, flow, sources, created_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO NOTHING
"""

REPLACE_REVISION: Final = """
    INSERT INTO revisions (hash, flow, sources, created_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO UPDATE
    SET flow = excluded.flow, sources = excluded.sources, created_at = excluded.created_at
"""

SELECT_REVISION: Final = "SELECT hash, flow, sources, created_at FROM revisions WHERE hash = $1"

INSERT_PROBE: Final = "INSERT INTO probes (body) VALUES ($1)"

DELETE_PROBES: Final = "DELETE FROM probes"


def open_call(session: SessionRow, turn: TurnRow, webhook: WebhookRow, hooks: Sequence[HookRow]) -> Work[None]:
    """Write a new call with its first turn. Raises AlreadyOpen."""
    written = yield Insert(INSERT_CALL, session)
    if not written:
        raise AlreadyOpen(session.id)
    yield from _add_turn(written[0][1], turn, webhook, hooks)


def advance(session: SessionRow, turn: TurnRow, webhook: WebhookRow, hooks: Sequence[HookRow]) -> Work[None]:
    """Write the next turn. Raises Conflict unless the stored version is the one before and the turn is new."""
    written = yield UPDATE_CALL, (*session, turn.number)
    if not written:
        raise Conflict(session.id)
    yield from _add_turn(written[0][1], turn, webhook, hooks)


def _add_turn(call_key: int, turn: TurnRow, webhook: WebhookRow, hooks: Sequence[HookRow]) -> Work[None]:
    yield INSERT_TURN, (call_key, *turn[1:])
    yield INSERT_WEBHOOK, (*webhook, call_key if webhook.session == turn.session else None)
    yield from add_hooks(hooks)


def record(webhook: WebhookRow, hooks: Sequence[HookRow]) -> Work[None]:
    """Write a webhook that steers nothing, and its hooks unless the same delivery was recorded before."""
    is_repeated = False
    if hooks and webhook.wait >= 0 and (yield LOCK_CALL, (webhook.session,)):
        delivery = (webhook.session, webhook.turn, webhook.wait, webhook.status)
        is_repeated = bool((yield SELECT_DELIVERED, delivery))
    yield INSERT_WEBHOOK, (*webhook, None)
    if not is_repeated:
        yield from add_hooks(hooks)


def end(leg: str, webhook: WebhookRow, hooks: Sequence[HookRow]) -> Work[int]:
    """Record a webhook and end the open calls of a leg; returns how many there were."""
    ended = yield END_CALLS, (leg, webhook.received_at)
    yield from record(webhook, hooks if ended or webhook.wait >= 0 else ())
    return len(ended)


def save_revisions(revisions: Iterable[RevisionRow]) -> Work[None]:
    """Write those that are not there yet."""
    yield Many(INSERT_REVISION, sorted(revisions))


def replace_revision(revision: RevisionRow) -> Work[None]:
    """Write it, in place of one with the same hash."""
    yield REPLACE_REVISION, revision


def probe() -> Work[None]:
    """Write a row and delete it: the commit shows whether the database can be written and can grow."""
    yield INSERT_PROBE, (PROBE,)
    yield DELETE_PROBES, ()


def session_row(row: Sequence[Any]) -> SessionRow:
    """The session of a row of `SESSION_COLUMNS`."""
    found = SessionRow(*row)
    return found._replace(is_over=bool(found.is_over))
