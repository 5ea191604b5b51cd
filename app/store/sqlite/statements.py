"""The SQL of a call: what each method of the store reads and writes.

The functions that write run inside a transaction of the caller. Each first does what may be refused, so that a refusal
has written nothing yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from app.errors import AlreadyOpen, Conflict
from app.store.contract import HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.sqlite.hook_statements import insert_hooks
from app.store.texts import unicode

PROBE_BYTES = 16_384
"""More than the free room in any page, so that a full file shows."""

INSERT_CALL = """
    INSERT INTO calls (id, leg, conversation, flow, revision, version, is_over, created_at, updated_at, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING
"""

SELECT_CALL = """
    SELECT id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at
    FROM calls
    WHERE id = ?
"""

UPDATE_CALL = """
    UPDATE calls
    SET leg = ?, conversation = ?, flow = ?, revision = ?, version = ?, is_over = ?, created_at = ?, updated_at = ?,
        state = ?
    WHERE id = ? AND version = ?
"""

_OPEN_KEYS_OF_LEG = """
        SELECT key FROM calls WHERE id = ? AND leg = id AND is_over = 0
        UNION ALL
        SELECT key FROM calls WHERE leg = ? AND leg <> id AND is_over = 0
"""
"""Nearly every call has its leg for an id; only the others are in an index of legs."""

SELECT_CALLS_OF_LEG = f"""
    SELECT id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at
    FROM calls
    WHERE leg <> '' AND key IN ({_OPEN_KEYS_OF_LEG})
    ORDER BY created_at, id
"""  # noqa: S608 - our own text

END_CALLS = f"""
    UPDATE calls
    SET is_over = 1, version = version + 1, updated_at = ?
    WHERE key IN ({_OPEN_KEYS_OF_LEG})
"""  # noqa: S608 - our own text

INSERT_TURN = """
    INSERT INTO turns (call_key, number, webhook, cause_turn, cause_wait, cause_status, created_at, ncco, trace, inputs)
    SELECT key, ?, ?, ?, ?, ?, ?, ?, ?, ?
    FROM calls
    WHERE id = ?
    ON CONFLICT (call_key, number) DO NOTHING
"""

SELECT_REPLY = """
    SELECT turns.ncco
    FROM calls
    JOIN turns ON turns.call_key = calls.key
    WHERE calls.id = ? AND turns.cause_turn = ? AND turns.cause_wait = ? AND coalesce(?, cause_status) = cause_status
    ORDER BY turns.number
    LIMIT 1
"""

INSERT_WEBHOOK = """
    INSERT INTO webhooks (call_key, session, id, kind, turn, wait, status, leg, conversation, method, received_at, body)
    VALUES ((SELECT key FROM calls WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

SELECT_STATUSES = """
    SELECT webhooks.wait, webhooks.status
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = ? AND webhooks.turn = ? AND webhooks.wait >= 0
    ORDER BY webhooks.key
"""

SELECT_DELIVERED = """
    SELECT EXISTS (
        SELECT 1
        FROM calls
        JOIN webhooks ON webhooks.call_key = calls.key
        WHERE calls.id = ? AND webhooks.turn = ? AND webhooks.wait = ? AND webhooks.status = ?
    )
"""

INSERT_REVISION = """
    INSERT INTO revisions (hash, flow, created_at, sources)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (hash) DO NOTHING
"""

REPLACE_REVISION = """
    INSERT INTO revisions (hash, flow, created_at, sources)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (hash) DO UPDATE
    SET flow = excluded.flow, created_at = excluded.created_at, sources = excluded.sources
"""

SELECT_REVISION = """
    SELECT hash, flow, sources, created_at
    FROM revisions
    WHERE hash = ?
"""

INSERT_PROBE = "INSERT INTO probes (body) VALUES (zeroblob(?))"

DELETE_PROBES = "DELETE FROM probes"


def open_call(
    connection: sqlite3.Connection,
    session: SessionRow,
    turn: TurnRow,
    webhook: WebhookRow,
    hooks: Sequence[HookRow] = (),
) -> None:
    """Write a new call with its first turn. Raises AlreadyOpen."""
    id_ = unicode(session.id)
    written = connection.execute(INSERT_CALL, (id_, *_session_values(session)))
    if written.rowcount == 0:
        raise AlreadyOpen(session.id)
    _insert_turn(connection, id_, turn)
    _insert_webhook(connection, webhook)
    insert_hooks(connection, hooks)


def advance(
    connection: sqlite3.Connection,
    session: SessionRow,
    turn: TurnRow,
    webhook: WebhookRow,
    hooks: Sequence[HookRow] = (),
) -> None:
    """Write the next turn. Raises Conflict unless the stored version is the one before and the turn is new."""
    id_ = unicode(session.id)
    written = connection.execute(UPDATE_CALL, (*_session_values(session), id_, session.version - 1))
    if written.rowcount == 0:
        raise Conflict(session.id)
    _insert_turn(connection, id_, turn)
    _insert_webhook(connection, webhook)
    insert_hooks(connection, hooks)


def record(connection: sqlite3.Connection, webhook: WebhookRow, hooks: Sequence[HookRow] = ()) -> None:
    """Write a webhook, and the hooks that come of it unless it was delivered before."""
    is_new = webhook.wait < 0 or not hooks or not _was_delivered(connection, webhook)
    _insert_webhook(connection, webhook)
    if is_new:
        insert_hooks(connection, hooks)


def _was_delivered(connection: sqlite3.Connection, webhook: WebhookRow) -> bool:
    wanted = (unicode(webhook.session), webhook.turn, webhook.wait, unicode(webhook.status))
    return bool(connection.execute(SELECT_DELIVERED, wanted).fetchone()[0])


def _insert_webhook(connection: sqlite3.Connection, webhook: WebhookRow) -> None:
    session = unicode(webhook.session)
    connection.execute(
        INSERT_WEBHOOK,
        (
            session,
            session,
            unicode(webhook.id),
            unicode(webhook.kind),
            webhook.turn,
            webhook.wait,
            unicode(webhook.status),
            unicode(webhook.leg),
            unicode(webhook.conversation),
            unicode(webhook.method),
            webhook.received_at,
            webhook.body,
        ),
    )


def end(connection: sqlite3.Connection, leg: str, webhook: WebhookRow, hooks: Sequence[HookRow] = ()) -> int:
    """Record `webhook` and end the open calls of `leg`; a missing leg ("") has none. Returns how many there were."""
    of_leg = (unicode(leg), unicode(leg))
    ended = connection.execute(END_CALLS, (webhook.received_at, *of_leg)).rowcount if leg else 0
    record(connection, webhook, hooks if ended or webhook.wait >= 0 else ())
    return ended


def session_row(row: Sequence[Any]) -> SessionRow:
    """A row of `SELECT_CALL`."""
    found = SessionRow(*row)
    return found._replace(is_over=bool(found.is_over))


def save_revisions(connection: sqlite3.Connection, revisions: Iterable[RevisionRow]) -> None:
    """Write those that are not there yet."""
    connection.executemany(INSERT_REVISION, [_revision_values(row) for row in revisions])


def replace_revision(connection: sqlite3.Connection, revision: RevisionRow) -> None:
    """Write it, in place of one with the same hash."""
    connection.execute(REPLACE_REVISION, _revision_values(revision))


def _revision_values(row: RevisionRow) -> tuple[object, ...]:
    return unicode(row.hash), unicode(row.flow), row.created_at, row.sources


def probe(connection: sqlite3.Connection) -> None:
    """Write a row and delete it: the commit after it shows whether the file can be written and can grow."""
    connection.execute(INSERT_PROBE, (PROBE_BYTES,))
    connection.execute(DELETE_PROBES)


def _session_values(session: SessionRow) -> tuple[object, ...]:
    return (
        unicode(session.leg),
        unicode(session.conversation),
        unicode(session.flow),
        unicode(session.revision),
        session.version,
        int(session.is_over),
        session.created_at,
        session.updated_at,
        session.state,
    )


def _insert_turn(connection: sqlite3.Connection, id_: str, turn: TurnRow) -> None:
    written = connection.execute(
        INSERT_TURN,
        (
            turn.number,
            unicode(turn.webhook),
            turn.cause_turn,
            turn.cause_wait,
            unicode(turn.cause_status),
            turn.created_at,
            turn.ncco,
            turn.trace,
            turn.inputs,
            id_,
        ),
    )
    if written.rowcount == 0:
        raise Conflict(turn.session)
