"""The outbox: hooks that are written in the transaction that causes them, until they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ncco_server.store.database import InDatabase, Keyed, Many, Work, in_one_transaction
from ncco_server.store.rows import HOOK_COLUMNS, IS_MAIL, HookCounts, HookRow
from ncco_server.store.sql import Sql

# Without the lock, another host could send the last waiting hook before the new one is written, which would never
# become due.
LOCK_LAST_WAITING: Final = Sql(f"""
    SELECT session FROM hooks
    WHERE session = $1 AND NOT is_parked AND NOT {IS_MAIL}
    ORDER BY key DESC
    LIMIT 1
""").locking("FOR SHARE")

INSERT_HOOK: Final = Sql.insert("hooks", HookRow._fields, "ON CONFLICT (id) DO NOTHING")

# Frees the first waiting hook of a session at $2, or at once (NULL): a separate statement sees hooks written during the
# DELETE.
FREE_NEXT: Final = Sql(f"""
    UPDATE hooks
    SET due_at = coalesce(CAST($2 AS bigint), created_at)
    WHERE due_at IS NULL AND key = (
        SELECT min(key) FROM hooks WHERE session = $1 AND NOT is_parked AND NOT {IS_MAIL}
    )
""")


# `due_at` is only set for a session's first waiting hook, so that a long queue behind a failing hook is not searched.
# Two may be due if an earlier one is retried or two hosts write at once: the search skips the later one. Emails do not
# queue, because they may wait for recordings.

_DUE: Final = f"""
    FROM hooks AS hook
    WHERE NOT is_parked AND due_at <= $1 AND leased_until <= $1 AND ({IS_MAIL} OR NOT EXISTS (
        SELECT 1 FROM hooks AS earlier
        WHERE earlier.session = hook.session AND NOT earlier.is_parked AND earlier.key < hook.key
            AND NOT {IS_MAIL}
    ))
"""


SELECT_ANY_DUE: Final = Sql(f"SELECT EXISTS (SELECT 1 {_DUE})")

SELECT_DUE: Final = Sql(f"SELECT {HOOK_COLUMNS} {_DUE} ORDER BY due_at, key LIMIT $2").locking("FOR UPDATE SKIP LOCKED")

CLAIM_HOOK: Final = Sql("UPDATE hooks SET leased_until = $2, tries = tries + 1 WHERE id = $1")

DELETE_HOOK: Final = Sql("DELETE FROM hooks WHERE id = $1 RETURNING session")

FAIL_HOOK: Final = Sql("""
    UPDATE hooks
    SET due_at = $3, leased_until = 0, problem = $4
    WHERE id = $1 AND tries = $2 AND NOT is_parked
""")

PUT_OFF_HOOK: Final = Sql("""
    UPDATE hooks
    SET due_at = $3, leased_until = 0, tries = tries - 1
    WHERE id = $1 AND tries = $2 AND NOT is_parked
""")

PARK_HOOK: Final = Sql("""
    UPDATE hooks
    SET is_parked = true, due_at = NULL, leased_until = 0, problem = $3
    WHERE id = $1 AND tries = $2 AND NOT is_parked
    RETURNING session
""")

_RETRY: Final = """
    UPDATE hooks
    SET due_at = $1, tries = CASE WHEN is_parked THEN 0 ELSE tries END, is_parked = false
    WHERE (is_parked OR due_at IS NOT NULL)
"""

RETRY_HOOKS: Final = Sql(f"{_RETRY} RETURNING id")

RETRY_HOOK: Final = Sql(f"{_RETRY} AND id = $2 RETURNING id")

DROP_HOOKS: Final = Sql("DELETE FROM hooks WHERE is_parked RETURNING id")

DROP_HOOK: Final = Sql("DELETE FROM hooks WHERE is_parked AND id = $1 RETURNING id")

SELECT_HOOKS: Final = Sql(f"SELECT {HOOK_COLUMNS} FROM hooks ORDER BY is_parked DESC, key LIMIT $1")

COUNT_HOOKS: Final = Sql("SELECT count(*) FILTER (WHERE NOT is_parked), count(*) FILTER (WHERE is_parked) FROM hooks")


def add_hooks(hooks: Iterable[HookRow]) -> Work[None]:
    """Write new hooks in order. A hook is not due while an earlier one of its session waits; emails do not queue."""
    for hook in hooks:
        waiting = () if hook.is_mail else (yield Keyed(LOCK_LAST_WAITING, (hook.session,)))
        yield INSERT_HOOK, hook._replace(due_at=None) if waiting or hook.is_parked else hook


class Hooks(InDatabase):
    """The unsent hooks. Every method may raise StoreUnavailable."""

    async def has_due(self, now: int) -> bool:
        return await self.is_any(SELECT_ANY_DUE, now)

    @in_one_transaction
    def claim(self, now: int, leased_until: int, limit: int) -> Work[list[HookRow]]:
        """Claim due hooks, longest due first; apart from emails, at most one per session.

        `tries` grows by one.
        """
        due = [HookRow.read(row) for row in (yield SELECT_DUE, (now, limit))]
        yield Many(CLAIM_HOOK, [(hook.id, leased_until) for hook in due])
        return [hook._replace(leased_until=leased_until, tries=hook.tries + 1) for hook in due]

    @in_one_transaction
    def sent(self, id_: str, now: int) -> Work[None]:
        """The next hook of the session becomes due `now`."""
        for (session,) in (yield DELETE_HOOK, (id_,)):
            yield FREE_NEXT, (session, now)

    @in_one_transaction
    def failed(self, id_: str, tries: int, due_at: int, problem: str) -> Work[None]:
        """Change nothing if another process has claimed it (`tries` differs)."""
        yield FAIL_HOOK, (id_, tries, due_at, problem)

    @in_one_transaction
    def put_off(self, id_: str, tries: int, due_at: int) -> Work[None]:
        """The attempt does not count."""
        yield PUT_OFF_HOOK, (id_, tries, due_at)

    @in_one_transaction
    def park(self, id_: str, tries: int, problem: str, now: int) -> Work[None]:
        """Change nothing if another process has claimed it. The next one of its session becomes due."""
        for (session,) in (yield PARK_HOOK, (id_, tries, problem)):
            yield FREE_NEXT, (session, now)

    @in_one_transaction
    def retry(self, ids: Sequence[str] | None, now: int) -> Work[int]:
        """Make hooks (None: all) due `now`; return how many. Attempts of parked hooks start again at 0.

        Hooks behind an earlier one of their session keep waiting, and are not counted.
        """
        if ids is None:
            return len((yield RETRY_HOOKS, (now,)))
        return len((yield Many(RETRY_HOOK, [(now, id_) for id_ in dict.fromkeys(ids)])))

    @in_one_transaction
    def drop(self, ids: Sequence[str] | None) -> Work[int]:
        """Drop all with None; return how many."""
        if ids is None:
            return len((yield DROP_HOOKS, ()))
        return len((yield Many(DROP_HOOK, [(id_,) for id_ in ids])))

    async def first(self, limit: int) -> list[HookRow]:
        """Parked hooks come first, then waiting ones, each from oldest to newest."""
        return await self.all(HookRow.read, SELECT_HOOKS, limit)

    async def counts(self) -> HookCounts:
        return HookCounts(*(await self.read(COUNT_HOOKS))[0])
