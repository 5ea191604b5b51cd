"""The outbox: webhooks of ours that are not sent yet.

It holds little at a time: what is sent is deleted. `due_at` is NULL behind an earlier hook of the same session.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    CREATE TABLE hooks (
        key          INTEGER PRIMARY KEY,
        id           TEXT    NOT NULL UNIQUE,
        session      TEXT    NOT NULL,
        name         TEXT    NOT NULL,
        url          TEXT    NOT NULL,
        created_at   INTEGER NOT NULL,
        due_at       INTEGER,
        leased_until INTEGER NOT NULL DEFAULT 0,
        tries        INTEGER NOT NULL DEFAULT 0,
        problem      TEXT    NOT NULL DEFAULT '',
        is_parked    INTEGER NOT NULL DEFAULT 0,
        headers      BLOB    NOT NULL,
        body         BLOB    NOT NULL
    )
    """,
    """
    CREATE INDEX waiting_hooks_by_session ON hooks (session, key) WHERE is_parked = 0
    """,
    """
    CREATE INDEX due_hooks ON hooks (due_at) WHERE is_parked = 0 AND due_at IS NOT NULL
    """,
)


def upgrade() -> None:
    """Create the outbox."""
    for statement in STATEMENTS:
        op.execute(statement)
