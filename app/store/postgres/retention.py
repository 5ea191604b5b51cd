"""What PostgreSQL forgets: what is old little by little, and everything of a phone number at once.

Keys grow with time, so what is old stands at the front: the first row that is not old ends the search, and no index is
needed for it. With a call go its turns and webhooks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.store.postgres import outbox
from app.store.postgres.connecting import transaction
from app.store.postgres.texts import stored_all
from app.store.retention import Forgotten, Numbers

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

PIECE: Final = 500
"""Rows that are read at once, and deleted in one transaction."""

ROUNDS: Final = 3
"""How often to look anew: a running call may have written on while it was being deleted."""

_TABLES: Final = ("calls", "turns", "webhooks", "hooks")

AT_ONCE: Final = 64
"""Rows of the front that are looked at with one statement."""

# Each gives the key of a row, when it began, and whether it may go.
CALLS_OF_FRONT: Final = "SELECT key, created_at, updated_at < $1 FROM calls WHERE key > $2 ORDER BY key LIMIT $3"

WEBHOOKS_OF_FRONT: Final = """
    SELECT key, received_at, call_key IS NULL AND received_at < $1 FROM webhooks WHERE key > $2 ORDER BY key LIMIT $3
"""

HOOKS_OF_FRONT: Final = "SELECT key, created_at, created_at < $1 FROM hooks WHERE key > $2 ORDER BY key LIMIT $3"

# What another host deletes at this moment, or changes, is left to it.
DELETE_OLD_CALLS: Final = """
    DELETE FROM calls
    WHERE key IN (
        SELECT key FROM calls WHERE key = ANY($1::bigint[]) AND updated_at < $2 ORDER BY key FOR UPDATE SKIP LOCKED
    )
"""

DELETE_OLD_WEBHOOKS: Final = """
    DELETE FROM webhooks
    WHERE key IN (SELECT key FROM webhooks WHERE key = ANY($1::bigint[]) ORDER BY key FOR UPDATE SKIP LOCKED)
"""

DELETE_OLD_HOOKS: Final = """
    DELETE FROM hooks
    WHERE key IN (SELECT key FROM hooks WHERE key = ANY($1::bigint[]) ORDER BY key FOR UPDATE SKIP LOCKED)
    RETURNING session
"""

DELETE_HOOKS: Final = "DELETE FROM hooks WHERE key = ANY($1::bigint[]) RETURNING session"

DELETE_REVISIONS: Final = """
    DELETE FROM revisions
    WHERE created_at < $1 AND hash <> ALL($2::text[]) AND hash NOT IN (SELECT revision FROM calls)
"""

_CALLS: Final = "SELECT key, state FROM calls WHERE key > $1 ORDER BY key LIMIT $2"
_TURNS: Final = """
    SELECT call_key, number, ncco, trace, inputs
    FROM turns
    WHERE (call_key, number) > ($1, $3)
    ORDER BY call_key, number
    LIMIT $2
"""
_WEBHOOKS: Final = "SELECT key, call_key, body FROM webhooks WHERE key > $1 ORDER BY key LIMIT $2"
_UNATTACHED: Final = """
    SELECT key, session, leg, conversation
    FROM webhooks
    WHERE key > $1 AND call_key IS NULL
    ORDER BY key
    LIMIT $2
"""
_HOOKS: Final = "SELECT key, session, url, headers, body FROM hooks WHERE key > $1 ORDER BY key LIMIT $2"
_NAMES: Final = "SELECT id, leg, conversation FROM calls WHERE key = ANY($1::bigint[])"


async def sweep(connection: Connection, before: int, limit: int) -> int:
    """Delete a few calls, webhooks and hooks that are older than `before`; returns how many.

    The webhooks of old calls stand before others that are old: those come once there are no more such calls.
    """
    calls = await _old(connection, CALLS_OF_FRONT, before, limit)
    gone = deleted(await connection.execute(DELETE_OLD_CALLS, calls, before))
    if len(calls) < limit:
        webhooks = await _old(connection, WEBHOOKS_OF_FRONT, before, limit)
        gone += deleted(await connection.execute(DELETE_OLD_WEBHOOKS, webhooks))
    hooks = await _old(connection, HOOKS_OF_FRONT, before, limit)
    return gone + await outbox.delete(connection, DELETE_OLD_HOOKS, hooks)


async def _old(connection: Connection, sql: str, before: int, limit: int) -> list[int]:
    """The keys of up to `limit` rows that may go. The first row that began later ends the search."""
    found: list[int] = []
    key = -1
    while len(found) < limit and (rows := await connection.fetch(sql, before, key, AT_ONCE)):
        for key, began_at, is_old in rows:
            if began_at >= before:
                return found[:limit]
            if is_old:
                found.append(key)
    return found[:limit]


async def sweep_revisions(connection: Connection, before: int, keep: Collection[str]) -> int:
    """Delete revisions from before that no call uses; returns how many. Reads all calls."""
    await connection.execute("SET LOCAL statement_timeout = 0")
    return deleted(await connection.execute(DELETE_REVISIONS, before, stored_all(sorted(keep))))


def deleted(tag: str) -> int:
    """The rows that a statement touched, from what PostgreSQL says of it: `DELETE 3`."""
    return int(tag.rpartition(" ")[2])


@dataclass(slots=True)
class Found:
    """The keys of the rows that name a number."""

    calls: set[int]
    webhooks: set[int]
    hooks: set[int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing names it."""
        return not (self.calls or self.webhooks or self.hooks)


async def forget(connection: Connection, numbers: Sequence[str], *, dry_run: bool, may_rewrite: bool) -> Forgotten:
    """See `app.store.retention.Retention.forget`. Each transaction is short; others may write meanwhile.

    What was deleted is given free by VACUUM, or cut out of the files by VACUUM FULL when they may be rewritten. No
    query finds what stands in free parts of pages, in PostgreSQL's log and in backups: `traces` says nothing of it.
    """
    wanted, total = Numbers(numbers), Forgotten()
    await connection.execute("SET statement_timeout = 0")
    for _ in range(ROUNDS):
        found = await find(connection, wanted)
        if found.is_empty:
            break
        counted = await _counted(connection, found)
        total = Forgotten(*(mine + its for mine, its in zip(total, counted, strict=True)))
        if dry_run:
            break
        await _delete(connection, found)
    if not dry_run:
        for table in _TABLES:
            await connection.execute(f"VACUUM (FULL {may_rewrite}) {table}")
    sources = [row[0] for row in await connection.fetch("SELECT sources FROM revisions")]
    return total._replace(revisions=sum(wanted.are_in(each) for each in sources))


async def find(connection: Connection, wanted: Numbers) -> Found:
    """Every row that names one of the numbers, and the webhooks that are of the same leg or conversation."""
    calls = {key async for key, state in _pieces(connection, _CALLS) if wanted.are_in(state)}
    calls |= {call async for call, _, *documents in _pieces_of_turns(connection) if wanted.are_in(*documents)}
    named = [(key, call) async for key, call, body in _pieces(connection, _WEBHOOKS) if wanted.are_in(body)]
    calls |= {call for _, call in named if call is not None}
    sessions, related = await _names(connection, calls)
    webhooks = {key for key, call in named if call is None}
    webhooks |= {key async for key, *names in _pieces(connection, _UNATTACHED) if not related.isdisjoint(names)}
    hooks = {
        key
        async for key, session, url, *documents in _pieces(connection, _HOOKS)
        if session in sessions or wanted.are_in(url.encode(), *documents)
    }
    return Found(calls, webhooks, hooks)


async def _names(connection: Connection, calls: Iterable[int]) -> tuple[set[str], set[str]]:
    """The ids of these calls; and their ids, legs and conversations."""
    ids, others = set[str](), set[str]()
    for keys in _batches(calls):
        for id_, *names in await connection.fetch(_NAMES, keys):
            ids.add(id_)
            others.update(name for name in names if name)
    return ids, others | ids


async def _pieces(connection: Connection, sql: str) -> AsyncIterator[Sequence[Any]]:
    key = -1
    while rows := await connection.fetch(sql, key, PIECE):
        for row in rows:
            yield tuple(row)
        key = rows[-1][0]


async def _pieces_of_turns(connection: Connection) -> AsyncIterator[Sequence[Any]]:
    call, number = -1, -1
    while rows := await connection.fetch(_TURNS, call, PIECE, number):
        for row in rows:
            yield tuple(row)
        call, number = rows[-1][0], rows[-1][1]


async def _delete(connection: Connection, found: Found) -> None:
    for batch in _batches(found.hooks):
        async with transaction(connection):
            await outbox.delete(connection, DELETE_HOOKS, batch)
    for table, keys in (("calls", found.calls), ("webhooks", found.webhooks)):
        for batch in _batches(keys):
            await connection.execute(f"DELETE FROM {table} WHERE key = ANY($1::bigint[])", batch)  # noqa: S608 - ours


async def _counted(connection: Connection, found: Found) -> Forgotten:
    async def count(rows: str) -> int:
        sql = f"SELECT count(*) FROM {rows} = ANY($1::bigint[])"  # noqa: S608 - our own words
        return sum([await connection.fetchval(sql, keys) for keys in _batches(found.calls)])

    return Forgotten(
        calls=len(found.calls),
        running=await count("calls WHERE NOT is_over AND key"),
        turns=await count("turns WHERE call_key"),
        webhooks=len(found.webhooks) + await count("webhooks WHERE call_key"),
        hooks=len(found.hooks),
    )


def _batches(keys: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), PIECE):
        yield ordered[start : start + PIECE]
