"""Hooks in PostgreSQL. What writes runs in a transaction of the caller.

`due_at` is set for the first hook of a session that waits, and NULL for those behind it. What lets two be due (an
earlier one is tried again, or two hosts write at the same moment) is caught by looking for an earlier one once more.
Whoever writes a hook behind another locks that one: it cannot go in between and leave nobody to wake the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.store.contract import HookRow
from app.store.postgres.texts import read, stored, stored_all

if TYPE_CHECKING:
    import asyncpg

    from app.store.postgres.connecting import Connection

_COLUMNS: Final = "id, session, name, url, headers, body, created_at, due_at, leased_until, tries, problem, is_parked"

INSERT_HOOKS: Final = """
    WITH item AS (
        SELECT *
        FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[],
            $9::text[], $10::boolean[]
        ) WITH ORDINALITY AS item (
            id, session, name, url, headers, body, created_at, due_at, problem, is_parked, place
        )
    ), busy AS (
        SELECT wanted.session
        FROM (SELECT DISTINCT session FROM item ORDER BY session) AS wanted, LATERAL (
            SELECT 1
            FROM hooks
            WHERE hooks.session = wanted.session AND NOT hooks.is_parked
            ORDER BY key DESC
            LIMIT 1
            FOR SHARE
        ) AS earlier
    )
    INSERT INTO hooks (id, session, name, url, headers, body, created_at, problem, is_parked, due_at)
    SELECT
        id, session, name, url, headers, body, created_at, problem, is_parked,
        CASE
            WHEN is_parked THEN NULL
            WHEN session IN (SELECT session FROM busy) THEN NULL
            WHEN count(*) FILTER (WHERE NOT is_parked) OVER (PARTITION BY session ORDER BY place) > 1 THEN NULL
            ELSE due_at
        END
    FROM item
    ORDER BY place
"""

_DUE: Final = """
    FROM hooks AS hook
    WHERE NOT is_parked AND due_at <= $1 AND leased_until <= $1 AND NOT EXISTS (
        SELECT 1 FROM hooks AS earlier
        WHERE earlier.session = hook.session AND NOT earlier.is_parked AND earlier.key < hook.key
    )
"""

SELECT_ANY_DUE: Final = f"SELECT EXISTS (SELECT 1 {_DUE})"

CLAIM_HOOKS: Final = f"""
    WITH due AS (
        SELECT key AS due_key, due_at AS was_due {_DUE} ORDER BY due_at, key LIMIT $3 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE hooks SET leased_until = $2, tries = tries + 1 FROM due WHERE key = due_key
        RETURNING was_due, key, {_COLUMNS}
    )
    SELECT {_COLUMNS} FROM claimed ORDER BY was_due, key
"""  # noqa: S608 - constants

DELETE_HOOK: Final = "DELETE FROM hooks WHERE id = $1 RETURNING session"

FREE_NEXT: Final = """
    UPDATE hooks
    SET due_at = $1
    WHERE due_at IS NULL AND key = (SELECT min(key) FROM hooks WHERE session = $2 AND NOT is_parked)
"""

FREE_LEFT: Final = """
    UPDATE hooks
    SET due_at = created_at
    WHERE due_at IS NULL AND key IN (
        SELECT min(key) FROM hooks WHERE session = ANY($1::text[]) AND NOT is_parked GROUP BY session
    )
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

RETRY_HOOKS: Final = """
    UPDATE hooks
    SET due_at = $1, tries = CASE WHEN is_parked THEN 0 ELSE tries END, is_parked = false
    WHERE (is_parked OR due_at IS NOT NULL) AND ($2::text[] IS NULL OR id = ANY($2::text[]))
"""

DROP_HOOKS: Final = "DELETE FROM hooks WHERE is_parked AND ($1::text[] IS NULL OR id = ANY($1::text[]))"

SELECT_HOOKS: Final = f"SELECT {_COLUMNS} FROM hooks ORDER BY is_parked DESC, key LIMIT $1"  # noqa: S608 - constants

SELECT_HOOKS_OF_SESSION: Final = f"""
    SELECT {_COLUMNS} FROM hooks WHERE session = $1 ORDER BY is_parked DESC, key
"""  # noqa: S608 - constants

COUNT_HOOKS: Final = "SELECT count(*) FILTER (WHERE NOT is_parked), count(*) FILTER (WHERE is_parked) FROM hooks"


async def claim(connection: Connection, now: int, leased_until: int, limit: int) -> list[HookRow]:
    """Take hooks that are due and that nobody has locked."""
    return [hook_row(row) for row in await connection.fetch(CLAIM_HOOKS, now, leased_until, limit)]


async def sent(connection: Connection, id_: str, now: int) -> None:
    """Delete one; the next of its session is due."""
    await _free_next(connection, await connection.fetch(DELETE_HOOK, stored(id_)), now)


async def failed(connection: Connection, id_: str, tries: int, due_at: int, problem: str) -> None:
    """Let go of one for a while."""
    await connection.execute(FAIL_HOOK, stored(id_), tries, due_at, stored(problem))


async def put_off(connection: Connection, id_: str, tries: int, due_at: int) -> None:
    """Let go of one without a try."""
    await connection.execute(PUT_OFF_HOOK, stored(id_), tries, due_at)


async def park(connection: Connection, id_: str, tries: int, problem: str, now: int) -> None:
    """Give one up; the next of its session is due."""
    await _free_next(connection, await connection.fetch(PARK_HOOK, stored(id_), tries, stored(problem)), now)


async def _free_next(connection: Connection, sessions: Sequence[asyncpg.Record], now: int) -> None:
    """A statement of its own: it sees what was written behind the one that has gone, until it went."""
    for (session,) in sessions:
        await connection.execute(FREE_NEXT, now, session)


async def delete(connection: Connection, sql: str, *values: object) -> int:
    """Run a DELETE of hooks that returns their sessions; how many there were.

    The next one of each session is due since it was written. It is looked for by a statement of its own, as above.
    """
    gone = [row[0] for row in await connection.fetch(sql, *values)]
    await connection.execute(FREE_LEFT, gone)
    return len(gone)


async def retry(connection: Connection, ids: Sequence[str] | None, now: int) -> int:
    """Let hooks be due; how many were."""
    return _count(await connection.execute(RETRY_HOOKS, now, None if ids is None else stored_all(ids)))


async def drop(connection: Connection, ids: Sequence[str] | None) -> int:
    """Delete parked hooks; how many there were."""
    return _count(await connection.execute(DROP_HOOKS, None if ids is None else stored_all(ids)))


def _count(tag: str) -> int:
    """The rows that a statement touched, from what PostgreSQL says of it: `UPDATE 3`."""
    return int(tag.rpartition(" ")[2])


def hook_row(row: asyncpg.Record) -> HookRow:
    """A row of `_COLUMNS`."""
    hook = HookRow(*row)
    return hook._replace(
        id=read(hook.id),
        session=read(hook.session),
        name=read(hook.name),
        url=read(hook.url),
        problem=read(hook.problem),
    )
