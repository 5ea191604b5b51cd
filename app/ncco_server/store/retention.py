"""Deletes old rows in small batches. Keys grow with time, so the first newer row ends the search."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, Final

from ncco_server.store import changes, function_results, table_rows
from ncco_server.store.database import Database, Many, Work
from ncco_server.store.hooks import FREE_NEXT
from ncco_server.store.results import count_before_deletion
from ncco_server.store.sql import ATTEMPTS_TABLE, FORGOTTEN_TABLE, PLACED_TABLE, ROWS_TABLE, Sql

PIECE: Final = 500

_OLDEST_ROWS: Final = 64

# Each query returns a row's key, when it was created, and whether it may be deleted.
OLDEST_CALLS: Final = Sql("SELECT key, created_at, updated_at < $1 FROM calls WHERE key > $2 ORDER BY key LIMIT $3")

OLDEST_WEBHOOKS: Final = Sql("""
    SELECT key, received_at, call_key IS NULL AND received_at < $1 FROM webhooks WHERE key > $2 ORDER BY key LIMIT $3
""")

OLDEST_HOOKS: Final = Sql("SELECT key, created_at, created_at < $1 FROM hooks WHERE key > $2 ORDER BY key LIMIT $3")

LOCK_OLD_CALL: Final = Sql("SELECT key FROM calls WHERE key = $1 AND updated_at < $2").locking("FOR UPDATE")

DELETE_CALL: Final = Sql("DELETE FROM calls WHERE key = $1 RETURNING key")

DELETE_WEBHOOK: Final = Sql("DELETE FROM webhooks WHERE key = $1 RETURNING key")

DELETE_HOOK_BY_KEY: Final = Sql("DELETE FROM hooks WHERE key = $1 RETURNING session")

SELECT_OLD_REVISIONS: Final = Sql("SELECT hash FROM revisions WHERE created_at < $1")

SELECT_REVISIONS_IN_USE: Final = Sql("SELECT key, revision FROM calls WHERE key > $1 ORDER BY key LIMIT $2")

DELETE_REVISION: Final = Sql("""
    DELETE FROM revisions
    WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM calls WHERE key > $2 AND revision = hash)
    RETURNING hash
""")

INSERT_FORGOTTEN: Final = Sql(f"""
    INSERT INTO {FORGOTTEN_TABLE} (name, forgotten_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name
""")
_DELETE_OLD_FORGOTTEN: Final = Sql(f"DELETE FROM {FORGOTTEN_TABLE} WHERE forgotten_at < $1")

_DELETE_ATTEMPTS: Final = Sql(f"DELETE FROM {ATTEMPTS_TABLE} WHERE placed = $1")
_DELETE_OLD_PLACED: Final = Sql(f"""
    DELETE FROM {PLACED_TABLE}
    WHERE id IN (SELECT id FROM {PLACED_TABLE} WHERE created_at < $1 AND state = 'over' AND updated_at < $1 LIMIT $2)
    RETURNING id
""")

# Rows that a turn is changing are left for the next sweep, so that it never waits.
_SELECT_EXPIRED_ROWS: Final = Sql(f"SELECT name FROM {ROWS_TABLE} WHERE expires_at <= $1 LIMIT $2").locking(
    "FOR UPDATE SKIP LOCKED"
)


def sweep(before: int, limit: int, now: int) -> Work[int]:
    """Delete up to `limit` calls, then webhooks without a call, then placed calls and hooks, older than `before`.

    Also expired rows of tables; and changes and forgotten calls' hashes at the same age.
    """
    calls = yield from _old_keys(OLDEST_CALLS, before, limit, now)
    old = [key for (key,) in (yield Many(LOCK_OLD_CALL, [(key, before) for key in calls]))]
    yield from count_before_deletion(old)
    deleted = len((yield Many(DELETE_CALL, [(key,) for key in old])))
    if len(calls) < limit:
        webhooks = yield from _old_keys(OLDEST_WEBHOOKS, before, limit, now)
        deleted += len((yield Many(DELETE_WEBHOOK, [(key,) for key in webhooks])))
    yield _DELETE_OLD_FORGOTTEN, (before,)
    yield function_results.DELETE_OLD, (before,)
    yield changes.DELETE_OLD, (changes.first_id(max(0, before)),)
    yield changes.DELETE_EXPIRED, (now,)
    expired = yield _SELECT_EXPIRED_ROWS, (now, limit)
    yield Many(table_rows.DELETE_ROW, expired)
    deleted += len(expired)
    deleted += yield from _sweep_placed(before, limit)
    hooks = yield from _old_keys(OLDEST_HOOKS, before, limit, now)
    return deleted + (yield from delete_hooks(hooks))


def _old_keys(sql: Sql, before: int, limit: int, now: int) -> Work[list[int]]:
    """The keys of up to `limit` rows that may be deleted.

    Only a read of newer rows alone ends the search: a wrong clock may have dated a few too late.
    """
    found: list[int] = []
    key = -1
    while len(found) < limit and (rows := (yield sql, (before, key, _OLDEST_ROWS))):
        found += [key for key, _, is_old in rows if is_old]
        if all(before <= began_at <= now for _, began_at, _ in rows):
            break
        key = rows[-1][0]
    return found[:limit]


def _sweep_placed(before: int, limit: int) -> Work[int]:
    deleted = yield _DELETE_OLD_PLACED, (before, limit)
    yield Many(_DELETE_ATTEMPTS, [(id_,) for (id_,) in deleted])
    return len(deleted)


def delete_hooks(keys: Iterable[int]) -> Work[int]:
    """Delete even waiting ones. The next hook of each session becomes due."""
    deleted = yield Many(DELETE_HOOK_BY_KEY, [(key,) for key in keys])
    yield Many(FREE_NEXT, [(session, None) for (session,) in dict.fromkeys(deleted)])
    return len(deleted)


async def sweep_revisions(database: Database, before: int, keep: Collection[str]) -> int:
    """See `Store.sweep_revisions`.

    Batches read most calls before the transaction.
    """
    unused = {row[0] for row in await database.read(SELECT_OLD_REVISIONS, before)}.difference(keep)
    seen = 0
    while unused and (calls := await database.read(SELECT_REVISIONS_IN_USE, seen, PIECE)):
        unused.difference_update(revision for _, revision in calls)
        seen = calls[-1][0]
    rows = [(hash_, seen) for hash_ in unused]
    deleted = await database.write(partial(delete_all, DELETE_REVISION, rows)) if rows else 0
    await database.trim()
    return deleted


def delete_all(sql: Sql, rows: Sequence[Sequence[Any]]) -> Work[int]:
    return len((yield Many(sql, rows)))
