"""Calls that are on are counted by an index of when they began.

It grows at its end, as its table does, so that it costs the writing of a call no page at a random place. It holds
`is_over` too, so that SQLite looks at nothing else when it counts.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the index."""
    op.execute("CREATE INDEX open_calls_by_beginning ON calls (created_at, is_over) WHERE is_over = 0")
