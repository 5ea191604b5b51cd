"""The SQL of hooks. The functions that write run inside a transaction of the caller.

`due_at` is set for the first hook of a session that waits, and NULL for those behind it, so that a long queue behind
one that fails costs nobody a look at all of it. What lets two be due (an earlier one is tried again) is caught by
looking for an earlier one once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from app.store.contract import HookCounts, HookRow
from app.store.texts import unicode

_COLUMNS = "id, session, name, url, headers, body, created_at, due_at, leased_until, tries, problem, is_parked"

INSERT_HOOK = """
    INSERT INTO hooks (id, session, name, url, headers, body, created_at, problem, is_parked, due_at)
    VALUES (
        ?, ?, ?, ?, ?, ?, ?, ?, ?,
        CASE WHEN EXISTS (SELECT 1 FROM hooks WHERE session = ? AND is_parked = 0) THEN NULL ELSE ? END
    )
"""

_DUE = """
    FROM hooks AS hook
    WHERE is_parked = 0 AND due_at <= ? AND leased_until <= ? AND NOT EXISTS (
        SELECT 1 FROM hooks AS earlier
        WHERE earlier.session = hook.session AND earlier.is_parked = 0 AND earlier.key < hook.key
    )
"""

SELECT_ANY_DUE = f"SELECT EXISTS (SELECT 1 {_DUE})"

SELECT_DUE = f"SELECT {_COLUMNS} {_DUE} ORDER BY due_at, key LIMIT ?"

CLAIM_HOOK = "UPDATE hooks SET leased_until = ?, tries = tries + 1 WHERE id = ?"

SELECT_SESSION = "SELECT session FROM hooks WHERE id = ?"

DELETE_HOOK = "DELETE FROM hooks WHERE id = ?"

FREE_NEXT = """
    UPDATE hooks
    SET due_at = ?
    WHERE due_at IS NULL AND key = (SELECT min(key) FROM hooks WHERE session = ? AND is_parked = 0)
"""

FREE_LEFT = """
    UPDATE hooks
    SET due_at = created_at
    WHERE due_at IS NULL AND key = (SELECT min(key) FROM hooks WHERE session = ? AND is_parked = 0)
"""

FAIL_HOOK = """
    UPDATE hooks
    SET due_at = ?, leased_until = 0, problem = ?
    WHERE id = ? AND tries = ? AND is_parked = 0
"""

PUT_OFF_HOOK = """
    UPDATE hooks
    SET due_at = ?, leased_until = 0, tries = tries - 1
    WHERE id = ? AND tries = ? AND is_parked = 0
"""

PARK_HOOK = """
    UPDATE hooks
    SET is_parked = 1, due_at = NULL, leased_until = 0, problem = ?
    WHERE id = ? AND tries = ? AND is_parked = 0
"""

RETRY_HOOKS = """
    UPDATE hooks
    SET due_at = ?, tries = CASE WHEN is_parked THEN 0 ELSE tries END, is_parked = 0
    WHERE is_parked = 1 OR due_at IS NOT NULL
"""

RETRY_HOOK = f"{RETRY_HOOKS.replace('WHERE', 'WHERE (')}) AND id = ?"

DROP_HOOKS = "DELETE FROM hooks WHERE is_parked = 1"

DROP_HOOK = f"{DROP_HOOKS} AND id = ?"

SELECT_HOOKS = f"SELECT {_COLUMNS} FROM hooks ORDER BY is_parked DESC, key LIMIT ?"  # noqa: S608 - constants

SELECT_HOOKS_OF_SESSION = f"SELECT {_COLUMNS} FROM hooks WHERE session = ? ORDER BY is_parked DESC, key"  # noqa: S608 - constants

COUNT_HOOKS = "SELECT count(*) - coalesce(sum(is_parked), 0), coalesce(sum(is_parked), 0) FROM hooks"


def insert_hooks(connection: sqlite3.Connection, hooks: Iterable[HookRow]) -> None:
    """Write new hooks, in their order."""
    for hook in hooks:
        session = unicode(hook.session)
        connection.execute(
            INSERT_HOOK,
            (
                unicode(hook.id),
                session,
                unicode(hook.name),
                unicode(hook.url),
                hook.headers,
                hook.body,
                hook.created_at,
                unicode(hook.problem),
                int(hook.is_parked),
                session,
                None if hook.is_parked else hook.due_at,
            ),
        )


def claim_hooks(connection: sqlite3.Connection, now: int, leased_until: int, limit: int) -> list[HookRow]:
    """Take hooks that are due."""
    due = [hook_row(row) for row in connection.execute(SELECT_DUE, (now, now, limit)).fetchall()]
    connection.executemany(CLAIM_HOOK, [(leased_until, hook.id) for hook in due])
    return [hook._replace(leased_until=leased_until, tries=hook.tries + 1) for hook in due]


def hook_sent(connection: sqlite3.Connection, id_: str, now: int) -> None:
    """Delete one; the next of its session is due."""
    for (session,) in connection.execute(SELECT_SESSION, (id_,)).fetchall():
        connection.execute(DELETE_HOOK, (id_,))
        connection.execute(FREE_NEXT, (now, session))


def hook_failed(connection: sqlite3.Connection, id_: str, tries: int, due_at: int, problem: str) -> None:
    """Let go of one for a while."""
    connection.execute(FAIL_HOOK, (due_at, unicode(problem), id_, tries))


def put_off_hook(connection: sqlite3.Connection, id_: str, tries: int, due_at: int) -> None:
    """Let go of one without a try."""
    connection.execute(PUT_OFF_HOOK, (due_at, id_, tries))


def park_hook(connection: sqlite3.Connection, id_: str, tries: int, problem: str, now: int) -> None:
    """Give one up; the next of its session is due."""
    if connection.execute(PARK_HOOK, (unicode(problem), id_, tries)).rowcount:
        for (session,) in connection.execute(SELECT_SESSION, (id_,)).fetchall():
            connection.execute(FREE_NEXT, (now, session))


def retry_hooks(connection: sqlite3.Connection, ids: Sequence[str] | None, now: int) -> int:
    """Let hooks be due; how many were."""
    if ids is None:
        return connection.execute(RETRY_HOOKS, (now,)).rowcount
    return sum(connection.execute(RETRY_HOOK, (now, unicode(id_))).rowcount for id_ in dict.fromkeys(ids))


def drop_hooks(connection: sqlite3.Connection, ids: Sequence[str] | None) -> int:
    """Delete parked hooks; how many there were."""
    if ids is None:
        return connection.execute(DROP_HOOKS).rowcount
    return sum(connection.execute(DROP_HOOK, (unicode(id_),)).rowcount for id_ in ids)


def delete_hooks(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Delete hooks, whatever they wait for; the next of each session is due since it was written."""
    some = f"FROM hooks WHERE key IN ({','.join('?' * len(keys))})"
    sessions = connection.execute(f"SELECT DISTINCT session {some}", keys).fetchall()
    connection.execute(f"DELETE {some}", keys)
    connection.executemany(FREE_LEFT, sessions)


def hook_row(row: Sequence[Any]) -> HookRow:
    """A row of `_COLUMNS`."""
    hook = HookRow(*row)
    return hook._replace(is_parked=bool(hook.is_parked))


def counts(row: Sequence[int]) -> HookCounts:
    """The row of COUNT_HOOKS."""
    return HookCounts(*row)
