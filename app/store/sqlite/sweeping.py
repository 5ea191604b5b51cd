"""The SQL of what is old: a few rows in each transaction of the running server.

Keys grow with time, so what is old stands at the front: the first row that is not old ends the search, and no index is
needed for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Final

from app.store.sqlite.hook_statements import delete_hooks

PIECE: Final = 200
"""Calls whose revisions are read at once."""

SELECT_OLD_CALLS: Final = """
    SELECT key
    FROM calls
    WHERE updated_at < ? AND key < coalesce(
        (SELECT key FROM calls WHERE created_at >= ? ORDER BY key LIMIT 1), 9223372036854775807
    )
    ORDER BY key
    LIMIT ?
"""

DELETE_CALL: Final = "DELETE FROM calls WHERE key = ?"

DELETE_OLD_WEBHOOKS: Final = """
    DELETE FROM webhooks
    WHERE key IN (
        SELECT key
        FROM webhooks
        WHERE call_key IS NULL AND received_at < ? AND key < coalesce(
            (SELECT key FROM webhooks WHERE received_at >= ? ORDER BY key LIMIT 1), 9223372036854775807
        )
        ORDER BY key
        LIMIT ?
    )
"""

SELECT_OLD_HOOKS: Final = "SELECT key FROM hooks WHERE created_at < ? ORDER BY key LIMIT ?"

SELECT_OLD_REVISIONS: Final = "SELECT hash FROM revisions WHERE created_at < ?"

SELECT_USED: Final = "SELECT key, revision FROM calls WHERE key > ? ORDER BY key LIMIT ?"

DELETE_REVISION: Final = """
    DELETE FROM revisions
    WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE key > ? AND revision = hash)
"""


def sweep(connection: sqlite3.Connection, before: int, limit: int) -> int:
    """Delete a few calls, webhooks and hooks that are older than `before`; returns how many."""
    calls = connection.execute(SELECT_OLD_CALLS, (before, before, limit)).fetchall()
    connection.executemany(DELETE_CALL, calls)
    webhooks = connection.execute(DELETE_OLD_WEBHOOKS, (before, before, limit)).rowcount
    hooks = [row[0] for row in connection.execute(SELECT_OLD_HOOKS, (before, limit)).fetchall()]
    delete_hooks(connection, hooks)
    return len(calls) + webhooks + len(hooks)


def delete_revisions(connection: sqlite3.Connection, hashes: Collection[str], seen: int) -> int:
    """Delete these revisions, save those that a call uses whose key is larger than `seen`; returns how many."""
    return sum(connection.execute(DELETE_REVISION, (hash_, seen)).rowcount for hash_ in hashes)
