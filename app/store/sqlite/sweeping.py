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

AT_ONCE: Final = 64
"""Rows of the front that are looked at with one statement."""

# Each gives the key of a row, when it began, and whether it may go.
CALLS_OF_FRONT: Final = "SELECT key, created_at, updated_at < ? FROM calls WHERE key > ? ORDER BY key LIMIT ?"

WEBHOOKS_OF_FRONT: Final = """
    SELECT key, received_at, call_key IS NULL AND received_at < ? FROM webhooks WHERE key > ? ORDER BY key LIMIT ?
"""

HOOKS_OF_FRONT: Final = "SELECT key, created_at, created_at < ? FROM hooks WHERE key > ? ORDER BY key LIMIT ?"

DELETE_CALL: Final = "DELETE FROM calls WHERE key = ?"

DELETE_WEBHOOK: Final = "DELETE FROM webhooks WHERE key = ?"

SELECT_OLD_REVISIONS: Final = "SELECT hash FROM revisions WHERE created_at < ?"

SELECT_USED: Final = "SELECT key, revision FROM calls WHERE key > ? ORDER BY key LIMIT ?"

DELETE_REVISION: Final = """
    DELETE FROM revisions
    WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE key > ? AND revision = hash)
"""


def sweep(connection: sqlite3.Connection, before: int, limit: int) -> int:
    """Delete a few calls, webhooks and hooks that are older than `before`; returns how many.

    The webhooks of old calls stand before others that are old: those come once there are no more such calls.
    """
    calls = _old(connection, CALLS_OF_FRONT, before, limit)
    connection.executemany(DELETE_CALL, [(key,) for key in calls])
    webhooks = [] if len(calls) == limit else _old(connection, WEBHOOKS_OF_FRONT, before, limit)
    connection.executemany(DELETE_WEBHOOK, [(key,) for key in webhooks])
    hooks = _old(connection, HOOKS_OF_FRONT, before, limit)
    delete_hooks(connection, hooks)
    return len(calls) + len(webhooks) + len(hooks)


def _old(connection: sqlite3.Connection, sql: str, before: int, limit: int) -> list[int]:
    """The keys of up to `limit` rows that may go. The first row that began later ends the search."""
    found: list[int] = []
    key = -1
    while len(found) < limit and (rows := connection.execute(sql, (before, key, AT_ONCE)).fetchall()):
        for key, began_at, is_old in rows:
            if began_at >= before:
                return found[:limit]
            if is_old:
                found.append(key)
    return found[:limit]


def delete_revisions(connection: sqlite3.Connection, hashes: Collection[str], seen: int) -> int:
    """Delete these revisions, save those that a call uses whose key is larger than `seen`; returns how many."""
    return sum(connection.execute(DELETE_REVISION, (hash_, seen)).rowcount for hash_ in hashes)
