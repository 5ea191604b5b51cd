"""Writes hooks to the outbox, in the transaction that causes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ncco_server.store.database import Keyed, Work
from ncco_server.store.rows import HOOK_COLUMNS, IS_MAIL, HookRow
from ncco_server.store.sql import Sql

# Without the lock, another host could send the last waiting hook before the new one is written, which would never
# become due.
LOCK_LAST_WAITING: Final = Sql(
    f"""
    SELECT session FROM hooks
    WHERE session = $1 AND NOT is_parked AND NOT {IS_MAIL}
    ORDER BY key DESC
    LIMIT 1
    FOR SHARE
    """,
    sqlite=f"""
    SELECT session FROM hooks
    WHERE session = $1 AND is_parked = 0 AND NOT {IS_MAIL}
    ORDER BY key DESC
    LIMIT 1
    """,
)

INSERT_HOOK: Final = Sql(f"""
    INSERT INTO hooks ({HOOK_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (id) DO NOTHING
""")

# Frees the first waiting hook of a session at $2, or at once (NULL): a separate statement sees hooks written during the
# DELETE.
FREE_NEXT: Final = Sql(
    f"""
    UPDATE hooks
    SET due_at = coalesce(CAST($2 AS bigint), created_at)
    WHERE due_at IS NULL AND key = (
        SELECT min(key) FROM hooks WHERE session = $1 AND NOT is_parked AND NOT {IS_MAIL}
    )
    """,
    sqlite=f"""
    UPDATE hooks
    SET due_at = coalesce($2, created_at)
    WHERE due_at IS NULL AND key = (
        SELECT min(key) FROM hooks WHERE session = $1 AND is_parked = 0 AND NOT {IS_MAIL}
    )
    """,
)


def add_hooks(hooks: Iterable[HookRow]) -> Work[None]:
    """Write new hooks in order. A hook is not due while an earlier one of its session waits; emails do not queue."""
    for hook in hooks:
        waiting = () if hook.is_mail else (yield Keyed(LOCK_LAST_WAITING, (hook.session,)))
        yield INSERT_HOOK, hook._replace(due_at=None) if waiting or hook.is_parked else hook
