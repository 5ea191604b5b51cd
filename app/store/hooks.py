"""Operations on the outbox: hooks that are not sent yet.

`due_at` is set for the first hook of a session that waits, and NULL for those behind it, so that a long queue behind
one that fails is not searched. Two of one session may become due (an earlier one is tried again, or two hosts write at
the same moment): what looks for due hooks leaves out those with an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from app.store.database import Many, Work
from app.store.rows import HookRow

_COLUMNS: Final = "id, session, name, url, headers, body, created_at, due_at, leased_until, tries, problem, is_parked"

# The lock keeps another host from sending that hook meanwhile: the one behind it would never become due.
LOCK_LAST_WAITING: Final = """
    SELECT session FROM hooks WHERE session = $1 AND NOT is_parked ORDER BY key DESC LIMIT 1 FOR SHARE
"""

INSERT_HOOK: Final = f"""
    INSERT INTO hooks ({_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""

_DUE: Final = """
    FROM hooks AS hook
    WHERE NOT is_parked AND due_at <= $1 AND leased_until <= $1 AND NOT EXISTS (
        SELECT 1 FROM hooks AS earlier
        WHERE earlier.session = hook.session AND NOT earlier.is_parked AND earlier.key < hook.key
    )
"""

SELECT_ANY_DUE: Final = f"SELECT EXISTS (SELECT 1 {_DUE})"

SELECT_DUE: Final = f"SELECT {_COLUMNS} {_DUE} ORDER BY due_at, key LIMIT $2 FOR UPDATE SKIP LOCKED"

CLAIM_HOOK: Final = "UPDATE hooks SET leased_until = $2, tries = tries + 1 WHERE id = $1"

DELETE_HOOK: Final = "DELETE FROM hooks WHERE id = $1 RETURNING session"

DELETE_HOOK_BY_KEY: Final = "DELETE FROM hooks WHERE key = $1 RETURNING session"

# A statement of its own behind a DELETE: it sees what was written behind that hook until then.
FREE_NEXT: Final = """
    UPDATE hooks
    SET due_at = $1
    WHERE due_at IS NULL AND key = (SELECT min(key) FROM hooks WHERE session = $2 AND NOT is_parked)
"""

FREE_LEFT: Final = """
    UPDATE hooks
    SET due_at = created_at
    WHERE due_at IS NULL AND key = (SELECT min(key) FROM hooks WHERE session = $1 AND NOT is_parked)
"""

FAIL_HOOK: Final = """
    UPDATE hooks
    SET due_at = $3, leased_until = 0, problem = $4
    WHERE id = $1 AND tries = $2 AND NOT is_parked
"""

PUT_OFF_HOOK: Final = """
    UPDATE hooks
    SET due_at = $3, leased_until = 0, tries = tries - 1
    WHERE id = $1 AND tries = $2 AND NOT is_parked
"""

PARK_HOOK: Final = """
    UPDATE hooks
    SET is_parked = true, due_at = NULL, leased_until = 0, problem = $3
    WHERE id = $1 AND tries = $2 AND NOT is_parked
    RETURNING session
"""

_RETRY: Final = """
    UPDATE hooks
    SET due_at = $1, tries = CASE WHEN is_parked THEN 0 ELSE tries END, is_parked = false
    WHERE (is_parked OR due_at IS NOT NULL)
"""

RETRY_HOOKS: Final = f"{_RETRY} RETURNING id"

RETRY_HOOK: Final = f"{_RETRY} AND id = $2 RETURNING id"

DROP_HOOKS: Final = "DELETE FROM hooks WHERE is_parked RETURNING id"

DROP_HOOK: Final = "DELETE FROM hooks WHERE is_parked AND id = $1 RETURNING id"

SELECT_HOOKS: Final = f"SELECT {_COLUMNS} FROM hooks ORDER BY is_parked DESC, key LIMIT $1"

SELECT_HOOKS_OF_SESSION: Final = f"SELECT {_COLUMNS} FROM hooks WHERE session = $1 ORDER BY is_parked DESC, key"

COUNT_HOOKS: Final = "SELECT count(*) FILTER (WHERE NOT is_parked), count(*) FILTER (WHERE is_parked) FROM hooks"


def add_hooks(hooks: Iterable[HookRow]) -> Work[None]:
    """Write new hooks in their order. One behind another hook of its session is not due."""
    for hook in hooks:
        waiting = yield LOCK_LAST_WAITING, (hook.session,)
        yield INSERT_HOOK, hook._replace(due_at=None) if waiting or hook.is_parked else hook


def claim_hooks(now: int, leased_until: int, limit: int) -> Work[list[HookRow]]:
    """Take hooks that are due, longest due first."""
    due = [hook_row(row) for row in (yield SELECT_DUE, (now, limit))]
    yield Many(CLAIM_HOOK, [(hook.id, leased_until) for hook in due])
    return [hook._replace(leased_until=leased_until, tries=hook.tries + 1) for hook in due]


def hook_sent(id_: str, now: int) -> Work[None]:
    """Delete a hook; the next one of its session is due."""
    for (session,) in (yield DELETE_HOOK, (id_,)):
        yield FREE_NEXT, (now, session)


def hook_failed(id_: str, tries: int, due_at: int, problem: str) -> Work[None]:
    """Release a hook until `due_at`."""
    yield FAIL_HOOK, (id_, tries, due_at, problem)


def put_off_hook(id_: str, tries: int, due_at: int) -> Work[None]:
    """Release a hook until `due_at` as if it had not been claimed."""
    yield PUT_OFF_HOOK, (id_, tries, due_at)


def park_hook(id_: str, tries: int, problem: str, now: int) -> Work[None]:
    """Give a hook up; the next one of its session is due."""
    for (session,) in (yield PARK_HOOK, (id_, tries, problem)):
        yield FREE_NEXT, (now, session)


def retry_hooks(ids: Sequence[str] | None, now: int) -> Work[int]:
    """Let hooks be due; returns how many."""
    if ids is None:
        return len((yield RETRY_HOOKS, (now,)))
    return len((yield Many(RETRY_HOOK, [(now, id_) for id_ in dict.fromkeys(ids)])))


def drop_hooks(ids: Sequence[str] | None) -> Work[int]:
    """Delete parked hooks; returns how many."""
    if ids is None:
        return len((yield DROP_HOOKS, ()))
    return len((yield Many(DROP_HOOK, [(id_,) for id_ in ids])))


def delete_hooks(keys: Iterable[int]) -> Work[int]:
    """Delete hooks, even those that wait; the next one of each session is due since it was written."""
    deleted = yield Many(DELETE_HOOK_BY_KEY, [(key,) for key in keys])
    yield Many(FREE_LEFT, [*dict.fromkeys(deleted)])
    return len(deleted)


def hook_row(row: Sequence[Any]) -> HookRow:
    """The hook of a row of the columns above."""
    hook = HookRow(*row)
    return hook._replace(is_parked=bool(hook.is_parked))
