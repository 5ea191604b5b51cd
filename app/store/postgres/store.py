"""The store in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from app.errors import StoreError, StoreUnavailable, StoreUnusable
from app.store.address import Address
from app.store.contract import HookCounts, HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.postgres import faults, outbox, retention, statements
from app.store.postgres.batch import Item, Kind
from app.store.postgres.connecting import READ_S, connect, transaction
from app.store.postgres.loads import Loads
from app.store.postgres.pool import Pool
from app.store.postgres.records import PostgresRecords
from app.store.postgres.schema import VERSIONS, found_schema, migrate
from app.store.postgres.texts import read, stored, stored_all
from app.store.postgres.writer import Writer
from app.store.retention import Forgotten
from app.store.schema import Schema, compared

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

QUEUE_LIMIT: Final = 2_000
"""Writes that may wait; a further one is refused at once, since it would miss the caller's deadline."""

POOL_SIZE: Final = 4
"""Connections for what is not written in groups. A server holds two more: the writer's, and one for `records`."""

_OPEN_S: Final = 60.0
"""Seconds that `open` may take: another host may be changing the schema of a large database."""

SWEEP_S: Final = 60.0
"""Seconds that sweeping may take: no caller waits for it."""

T = TypeVar("T")


class PostgresStore:
    """Calls in a database that several hosts may share.

    Attributes:
        label: names the database without its user and password.

    Args:
        address: of the database.
        queue_limit: writes that may wait; a further one is refused at once.
        pool_size: connections for reads and for what is not written in groups.
    """

    reads_at_once = False

    def __init__(self, address: Address, *, queue_limit: int = QUEUE_LIMIT, pool_size: int = POOL_SIZE) -> None:
        self.address = address
        self.label = address.label
        self._queue_limit = queue_limit
        self._pool_size = pool_size
        self._writer: Writer | None = None
        self._pool: Pool | None = None
        self._loads: Loads | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Connect, migrate to the newest schema, check that it can be written. Raises StoreUnusable."""
        async with self._opening:
            if self._writer is not None:
                return
            await _on_a_connection(self.address, _prepare)
            pool = Pool(self.address, self._pool_size)
            await pool.open()
            self._pool, self._loads = pool, Loads(pool, self._pool_size)
            self._writer = Writer(self.address, self._queue_limit)

    async def close(self) -> None:
        """Finish what was queued and let go of the database; it can be opened again."""
        writer, loads, pool = self._writer, self._loads, self._pool
        self._writer = self._loads = self._pool = None
        if writer is not None and loads is not None and pool is not None:
            await writer.close()
            await loads.close()
            await pool.close()

    async def schema(self) -> Schema:
        """Which schema the database has; changes nothing. Raises StoreUnusable, StoreUnavailable."""
        return await _on_a_connection(self.address, _schema)

    async def check(self) -> None:
        """Write and delete a row, to see that the database can be written and can grow."""
        await self._transact(_probe)

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call with its first turn, in one transaction. Raises AlreadyOpen and writes nothing."""
        await self._write(Kind.OPEN, webhook, hooks, session=session, turn=turn)

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""
        if self._loads is None:
            raise self._not_open()
        row = await self._loads.load(stored(session))
        return session_row(row) if row is not None else None

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write the next turn, in one transaction, if the stored version is `session.version - 1`. Raises Conflict."""
        await self._write(Kind.ADVANCE, webhook, hooks, session=session, turn=turn)

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """The calls of a leg that are not over, oldest first; a missing leg ("") has none."""
        return [session_row(row) for row in await self._read(statements.SELECT_CALLS_OF_LEG, stored(leg))]

    async def record(self, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing; hooks of a second delivery are left out, also at two hosts at once."""
        await self._write(Kind.RECORD, webhook, hooks)

    async def end(self, leg: str, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> int:
        """Record `webhook` and mark every open call of `leg` as over; a missing leg ("") has no calls."""
        return await self._write(Kind.END, webhook, hooks, leg=leg)

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered this delivery: same wait and same status (None: any status), or None."""
        wanted = None if status is None else stored(status)
        rows = await self._read(statements.SELECT_REPLY, stored(session), turn, wait, wanted)
        return bytes(rows[0][0]) if rows else None

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """(wait, status) of every webhook recorded for a turn's waits, oldest first."""
        rows = await self._read(statements.SELECT_STATUSES, stored(session), turn)
        return tuple((wait, read(status)) for wait, status in rows)

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        """Write those that are not there yet."""
        rows = sorted(revisions)
        if rows:
            columns = [
                stored_all(column) if isinstance(column[0], str) else column for column in zip(*rows, strict=True)
            ]
            await self._transact(lambda connection: connection.execute(statements.INSERT_REVISIONS, *columns))

    async def replace_revision(self, revision: RevisionRow) -> None:
        """Write it, in place of one with the same hash."""
        row = revision._replace(hash=stored(revision.hash), flow=stored(revision.flow))
        await self._transact(lambda connection: connection.execute(statements.REPLACE_REVISION, *row))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._read(statements.SELECT_REVISION, stored(hash_))
        return RevisionRow(read(rows[0][0]), read(rows[0][1]), rows[0][2], rows[0][3]) if rows else None

    async def has_due_hooks(self, now: int) -> bool:
        """Whether any hook is due."""
        return bool((await self._read(outbox.SELECT_ANY_DUE, now))[0][0])

    async def claim_hooks(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take hooks that are due, longest due first. Two hosts never get the same."""
        return await self._transact(lambda connection: outbox.claim(connection, now, leased_until, limit))

    async def hook_sent(self, id_: str, now: int) -> None:
        """Delete it; the next one of its session is due."""
        await self._transact(lambda connection: outbox.sent(connection, id_, now))

    async def hook_failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Let go of it until `due_at`, unless somebody has claimed it since."""
        await self._transact(lambda connection: outbox.failed(connection, id_, tries, due_at, problem))

    async def put_off_hook(self, id_: str, tries: int, due_at: int) -> None:
        """Let go of it until `due_at` as if it had not been claimed, unless somebody has claimed it since."""
        await self._transact(lambda connection: outbox.put_off(connection, id_, tries, due_at))

    async def park_hook(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give it up, unless somebody has claimed it since; the next one of its session is due."""
        await self._transact(lambda connection: outbox.park(connection, id_, tries, problem, now))

    async def retry_hooks(self, ids: Sequence[str] | None, now: int) -> int:
        """Let hooks with these ids (None: all) be due; returns how many."""
        return await self._transact(lambda connection: outbox.retry(connection, ids, now))

    async def drop_hooks(self, ids: Sequence[str] | None) -> int:
        """Delete parked hooks with these ids (None: all parked ones); returns how many."""
        return await self._transact(lambda connection: outbox.drop(connection, ids))

    async def hooks(self, limit: int) -> list[HookRow]:
        """Up to `limit` hooks, parked ones first, each kind oldest first."""
        return [outbox.hook_row(row) for row in await self._read(outbox.SELECT_HOOKS, limit)]

    async def count_hooks(self) -> HookCounts:
        """How many there are."""
        return HookCounts(*(await self._read(outbox.COUNT_HOOKS))[0])

    async def forget(self, numbers: Sequence[str], *, dry_run: bool = False, may_rewrite: bool = True) -> Forgotten:
        """Delete every call that names one of the numbers, on a connection of its own; others may write meanwhile."""
        if self._pool is None:
            raise self._not_open()
        try:
            connection = await connect(self.address)
            try:
                return await retention.forget(connection, numbers, dry_run=dry_run, may_rewrite=may_rewrite)
            finally:
                connection.terminate()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise faults.unavailable(self.address.label, error) from error

    async def sweep(self, before: int, limit: int) -> int:
        """Delete a few calls, webhooks and hooks that are older; returns how many."""
        return await self._transact(lambda connection: retention.sweep(connection, before, limit), SWEEP_S)

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses; returns how many."""
        return await self._transact(lambda connection: retention.sweep_revisions(connection, before, keep), SWEEP_S)

    def records(self) -> PostgresRecords:
        """What reads the calls, not opened yet. The store itself need not be open."""
        return PostgresRecords(self.address)

    async def _write(
        self,
        kind: Kind,
        webhook: WebhookRow,
        hooks: Sequence[HookRow],
        *,
        session: SessionRow | None = None,
        turn: TurnRow | None = None,
        leg: str = "",
    ) -> int:
        if self._writer is None:
            raise self._not_open()
        done = asyncio.get_running_loop().create_future()
        return await self._writer.write(Item(kind, done, webhook, hooks, session, turn, leg))

    async def _read(self, sql: str, *values: object) -> list[asyncpg.Record]:
        if self._pool is None:
            raise self._not_open()
        return await self._pool.read(sql, *values)

    async def _transact(self, work: Callable[[Connection], Awaitable[T]], limit_s: float = READ_S) -> T:
        if self._pool is None:
            raise self._not_open()
        return await self._pool.transact(work, limit_s)

    def _not_open(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self.address.label} is not open")


async def _on_a_connection(address: Address, work: Callable[[Connection, str], Awaitable[T]]) -> T:
    """What `work` finds. Raises StoreUnusable, StoreUnavailable."""
    try:
        async with asyncio.timeout(_OPEN_S):
            connection = await connect(address)
            try:
                return await work(connection, address.label)
            finally:
                connection.terminate()
    except StoreError:
        raise
    except Exception as error:
        raise faults.unusable(address.label, error) from error


async def _prepare(connection: Connection, label: str) -> None:
    await _require_unicode(connection, label)
    await migrate(connection, label)
    async with transaction(connection):
        await _probe(connection)


async def _schema(connection: Connection, label: str) -> Schema:
    return compared(await found_schema(connection, label), VERSIONS)


async def _require_unicode(connection: Connection, label: str) -> None:
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        cure = "name one in UTF-8: createdb --encoding=UTF8 --template=template0 NAME"
        raise StoreUnusable(f"{label} keeps texts in {encoding}, which lacks letters that callers have", cure)


async def _probe(connection: Connection) -> None:
    await connection.execute(statements.INSERT_PROBE, bytes(statements.PROBE_BYTES))
    await connection.execute(statements.DELETE_PROBES)


def session_row(row: asyncpg.Record) -> SessionRow:
    """The call of a row of SELECT_CALL."""
    id_, leg, conversation, flow, revision, *rest = row
    return SessionRow(read(id_), read(leg), read(conversation), read(flow), read(revision), *rest)
