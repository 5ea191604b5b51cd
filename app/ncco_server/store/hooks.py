"""Writes hooks to the outbox, in the transaction that causes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ncco_server.store.database import Keyed, Work
from ncco_server.store.rows import HOOK_COLUMNS, IS_MAIL, HookRow

# The lock keeps another host from sending the last waiting hook before the new hook is written. Otherwise the new hook
# would never become due.
LOCK_LAST_WAITING: Final = f"""
    SELECT session FROM hooks
    WHERE session = $1 AND NOT is_parked AND NOT {IS_MAIL}
    ORDER BY key DESC
    LIMIT 1
    FOR SHARE
"""

INSERT_HOOK: Final = f"""
    INSERT INTO hooks ({HOOK_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (id) DO NOTHING
"""


def add_hooks(hooks: Iterable[HookRow]) -> Work[None]:
    """Write new hooks in order. A hook is not due while an earlier one of its session waits; emails do not queue."""
    for hook in hooks:
        waiting = () if hook.is_mail else (yield Keyed(LOCK_LAST_WAITING, (hook.session,)))
        yield INSERT_HOOK, hook._replace(due_at=None) if waiting or hook.is_parked else hook
