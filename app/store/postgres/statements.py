"""The SQL of calls. What writes takes columns, so that one statement writes many calls.

Each statement is whole by itself. Two rows of one call never come in one statement: it would not see what it writes.
"""

from __future__ import annotations

from typing import Final

PROBE_BYTES: Final = 16_384
"""More than the free room in any page, so that a full disk shows."""

SELECT_CALL: Final = """
    SELECT id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at
    FROM calls
    WHERE id = $1
"""

SELECT_CALLS: Final = """
    SELECT id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at
    FROM calls
    WHERE id = ANY($1::text[])
"""
"""Takes ids, in any order; returns the rows in any order."""

SELECT_CALLS_OF_LEG: Final = """
    SELECT id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at
    FROM calls
    WHERE key IN (
        SELECT key FROM calls WHERE id = $1 AND leg = id AND NOT is_over
        UNION ALL
        SELECT key FROM calls WHERE left(leg, 200) = left($1, 200) AND leg = $1 AND leg <> id AND NOT is_over
    ) AND leg <> ''
    ORDER BY created_at, id
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

SELECT_REVISION: Final = """
    SELECT hash, flow, sources, created_at
    FROM revisions
    WHERE hash = $1
"""

INSERT_REVISIONS: Final = """
    INSERT INTO revisions (hash, flow, sources, created_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])
    ON CONFLICT (hash) DO NOTHING
"""

REPLACE_REVISION: Final = """
    INSERT INTO revisions (hash, flow, sources, created_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO UPDATE
    SET flow = excluded.flow, sources = excluded.sources, created_at = excluded.created_at
"""

INSERT_PROBE: Final = "INSERT INTO probes (body) VALUES ($1)"

DELETE_PROBES: Final = "DELETE FROM probes"

_SESSION: Final = """
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::boolean[],
    $9::bigint[], $10::bigint[]
"""
_SESSION_NAMES: Final = "id, leg, conversation, flow, revision, version, state, is_over, created_at, updated_at"

_TURN: Final = """
    $11::bigint[], $12::bytea[], $13::bytea[], $14::bytea[], $15::text[], $16::bigint[], $17::bigint[],
    $18::text[], $19::bigint[]
"""
_TURN_NAMES: Final = "number, ncco, trace, inputs, cause, cause_turn, cause_wait, cause_status, turn_at"

_WEBHOOK: Final = """
    $20::text[], $21::text[], $22::text[], $23::bigint[], $24::bigint[], $25::text[], $26::text[], $27::text[],
    $28::text[], $29::bytea[], $30::bigint[]
"""
_WEBHOOK_NAMES: Final = """
    webhook, kind, session, turn, wait, status, webhook_leg, webhook_conversation, method, body, received_at
"""

_ITEMS: Final = f"""
    item AS (
        SELECT *
        FROM unnest({_SESSION}, {_TURN}, {_WEBHOOK}) AS item ({_SESSION_NAMES}, {_TURN_NAMES}, {_WEBHOOK_NAMES})
    )
"""  # noqa: S608 - constants

_TURN_AND_WEBHOOK: Final = """
    turn AS (
        INSERT INTO turns (
            call_key, number, ncco, trace, inputs, webhook, cause_turn, cause_wait, cause_status, created_at
        )
        SELECT written.key, number, ncco, trace, inputs, cause, cause_turn, cause_wait, cause_status, turn_at
        FROM item
        JOIN written ON written.id = item.id
    ), webhook AS (
        INSERT INTO webhooks (
            call_key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at
        )
        SELECT
            CASE session WHEN item.id THEN written.key ELSE (SELECT key FROM calls WHERE id = session) END,
            webhook, kind, session, turn, wait, status, webhook_leg, webhook_conversation, method, body, received_at
        FROM item
        JOIN written ON written.id = item.id
    )
    SELECT id FROM written
"""

OPEN_CALLS: Final = f"""
    WITH {_ITEMS}, written AS (
        INSERT INTO calls ({_SESSION_NAMES})
        SELECT {_SESSION_NAMES} FROM item
        ON CONFLICT (id) DO NOTHING
        RETURNING key, id
    ), {_TURN_AND_WEBHOOK}
"""  # noqa: S608 - constants
"""Returns the ids that were new. Takes the fields of SessionRow, of TurnRow but its session, and of WebhookRow."""

ADVANCE_CALLS: Final = f"""
    WITH {_ITEMS}, written AS (
        UPDATE calls
        SET leg = item.leg, conversation = item.conversation, flow = item.flow, revision = item.revision,
            version = item.version, state = item.state, is_over = item.is_over, created_at = item.created_at,
            updated_at = item.updated_at
        FROM item
        WHERE calls.id = item.id AND calls.version = item.version - 1
            AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.call_key = calls.key AND turns.number = item.number)
        RETURNING calls.key, calls.id
    ), {_TURN_AND_WEBHOOK}
"""  # noqa: S608 - constants
"""Returns the ids of calls whose version was the one before. Takes the same as OPEN_CALLS."""

_RECORDED: Final = """
    SELECT *, (SELECT key FROM calls WHERE calls.id = item.session) AS call_key
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::bytea[], $11::bigint[]
    ) AS item (id, kind, session, turn, wait, status, leg, conversation, method, body, received_at)
"""

_RECORD_NAMES: Final = "call_key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at"

RECORD: Final = f"""
    INSERT INTO webhooks ({_RECORD_NAMES})
    SELECT {_RECORD_NAMES} FROM ({_RECORDED}) AS item
"""  # noqa: S608 - constants
"""Takes the fields of WebhookRow."""

RECORD_AND_TELL: Final = f"""
    WITH item AS ({_RECORDED}), telling AS (
        INSERT INTO webhooks ({_RECORD_NAMES}, tells)
        SELECT {_RECORD_NAMES}, true
        FROM item
        WHERE call_key IS NOT NULL AND wait >= 0 AND NOT EXISTS (
            SELECT 1
            FROM webhooks AS earlier
            WHERE earlier.call_key = item.call_key AND earlier.turn = item.turn AND earlier.wait = item.wait
                AND earlier.status = item.status
        )
        ON CONFLICT (call_key, turn, wait, left(status, 200)) WHERE tells DO NOTHING
        RETURNING session
    ), other AS (
        INSERT INTO webhooks ({_RECORD_NAMES})
        SELECT {_RECORD_NAMES} FROM item WHERE session NOT IN (SELECT session FROM telling)
    )
    SELECT session FROM item WHERE call_key IS NULL OR wait < 0 OR session IN (SELECT session FROM telling)
"""  # noqa: S608 - constants
"""Returns the sessions whose hooks are to be written. Takes the same as RECORD."""

END_CALLS: Final = """
    UPDATE calls
    SET is_over = true, version = calls.version + 1, updated_at = item.received_at
    FROM unnest($1::text[], $2::bigint[]) AS item (leg, received_at), LATERAL (
        SELECT key FROM calls WHERE id = item.leg AND leg = id AND NOT is_over
        UNION ALL
        SELECT key FROM calls
        WHERE left(leg, 200) = left(item.leg, 200) AND leg = item.leg AND leg <> id AND NOT is_over
    ) AS found
    WHERE calls.key = found.key AND calls.leg = item.leg AND item.leg <> '' AND NOT calls.is_over
    RETURNING calls.leg
"""
"""Returns the leg of each call that was open. Takes legs, and when each ended."""
