"""Calls, their turns, the webhooks as they came, and the revisions of flows.

The keys are integers that grow, so that what is written together lies together. The call's id is the only index whose
entries fall anywhere: each such index costs a commit one more page.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE calls (
        key          INTEGER PRIMARY KEY,
        id           TEXT    NOT NULL UNIQUE,
        leg          TEXT    NOT NULL,
        conversation TEXT    NOT NULL,
        flow         TEXT    NOT NULL,
        revision     TEXT    NOT NULL,
        version      INTEGER NOT NULL,
        is_over      INTEGER NOT NULL,
        created_at   INTEGER NOT NULL,
        updated_at   INTEGER NOT NULL,
        state        BLOB    NOT NULL
    )
    """,
    """
    CREATE INDEX open_calls_by_leg ON calls (leg) WHERE is_over = 0
    """,
    # call_key is NULL when the webhook belongs to no call that is stored here; session is what it said all the same.
    """
    CREATE TABLE webhooks (
        key          INTEGER PRIMARY KEY,
        call_key     INTEGER REFERENCES calls (key) ON DELETE CASCADE,
        id           TEXT    NOT NULL,
        kind         TEXT    NOT NULL,
        session      TEXT    NOT NULL,
        turn         INTEGER NOT NULL,
        wait         INTEGER NOT NULL,
        status       TEXT    NOT NULL,
        leg          TEXT    NOT NULL,
        conversation TEXT    NOT NULL,
        method       TEXT    NOT NULL,
        received_at  INTEGER NOT NULL,
        body         BLOB    NOT NULL
    )
    """,
    """
    CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL
    """,
    """
    CREATE TABLE turns (
        key          INTEGER PRIMARY KEY,
        call_key     INTEGER NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
        number       INTEGER NOT NULL,
        webhook      TEXT    NOT NULL,
        cause_turn   INTEGER NOT NULL,
        cause_wait   INTEGER NOT NULL,
        cause_status TEXT    NOT NULL,
        created_at   INTEGER NOT NULL,
        ncco         BLOB    NOT NULL,
        trace        BLOB    NOT NULL,
        inputs       BLOB    NOT NULL,
        UNIQUE (call_key, number)
    )
    """,
    """
    CREATE TABLE revisions (
        hash         TEXT    PRIMARY KEY,
        flow         TEXT    NOT NULL,
        created_at   INTEGER NOT NULL,
        sources      BLOB    NOT NULL
    )
    """,
    # Always empty: a row is written and deleted to see whether there is room.
    """
    CREATE TABLE probes (
        body         BLOB    NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Create the first tables."""
    for statement in STATEMENTS:
        op.execute(statement)
