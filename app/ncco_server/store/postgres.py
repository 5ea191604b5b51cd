"""A PostgreSQL database. Requires asyncpg: `pip install ".[postgres]"`.

If several operations of a group run the same statement, it is sent once.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from ncco_server.errors import StoreError, StoreUnusable
from ncco_server.store.address import Address
from ncco_server.store.database import (
    QUEUE_LIMIT,
    GroupWriter,
    Insert,
    Keyed,
    Many,
    Read,
    Row,
    Statement,
    T,
    Work,
    WriteItem,
    not_open,
    store_wait,
)
from ncco_server.store.migrations import find_schema, probe, require_tables, upgrade
from ncco_server.store.postgres_copy import copy_in, loaded_text, require_unused, stored_text
from ncco_server.store.postgres_faults import (
    DRIVER_ERRORS,
    is_conflict,
    is_lost,
    is_row_error,
    is_standby_error,
    own_error,
    refused,
    require_files,
    unavailable,
    unusable,
)
from ncco_server.store.rows import Schema
from ncco_server.store.sql import (
    ATTEMPTS_TABLE,
    CHANGES_TABLE,
    FUNCTION_RESULTS_TABLE,
    PLACED_TABLE,
    RECORDINGS_TABLE,
    RESULTS_TABLE,
    ROWS_TABLE,
    Sql,
)

if TYPE_CHECKING:
    from ncco_server.store.postgres_copy import Connection

GROUP_LIMIT: Final = 128
TABLES_WITH_NUMBERS: Final = (
    *("calls", "turns", "webhooks", "hooks", RECORDINGS_TABLE),
    *(PLACED_TABLE, ATTEMPTS_TABLE, RESULTS_TABLE, FUNCTION_RESULTS_TABLE, ROWS_TABLE, CHANGES_TABLE),
)

READERS: Final = 4

BACKGROUND: Final = 2

TRIES: Final = 3
"""Applies to a write that conflicts with another host's, and to a read after a lost connection."""

CONNECT_S: Final = 3.0
READ_S: Final = 2.0
COMMIT_S: Final = 3.5
"""Limits a group of writes, with its time in the queue. Vonage gives up after 5 seconds."""

BACKGROUND_S: Final = 10.0
SEARCH_S: Final = 30.0

OPEN_S: Final = 60.0
"""Another host may be migrating a large database."""

LOCK: Final = 7_093_221_054_881
"""The advisory lock for schema changes: any unused number."""

_CALLS: Final = 709_322
"""The namespace of the advisory locks for calls."""

_LOCK_CALLS: Final = "SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS key"

_SETTINGS: Final = {
    "statement_timeout": "3000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "5000",
    "jit": "off",
}
"""In milliseconds: PostgreSQL ends the transactions of hosts that hang or have died."""

_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
"""Overrides a database that acknowledges commits before they are on disk."""

_UNFLUSHED: Final = "BEGIN; SET LOCAL synchronous_commit = off"
"""The next commit that waits for the disk flushes those before it."""

_RETURNING: Final = " RETURNING id, key"


class PostgresDatabase:
    """A database that several hosts can share."""

    path: Path | None = None
    is_durable = True

    def __init__(self, address: Address, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self.label = address.label
        self._address = address
        self._queue_limit = queue_limit
        self._reading: _Connections | None = None
        self._background: _Connections | None = None
        self._writer: _PostgresWriter | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        async with self._opening:
            if self._writer is None:
                await _on_a_connection(self._address, _prepare)
                self._reading = await _Connections.opened(self._address, READERS, READ_S)
                self._background = await _Connections.opened(self._address, BACKGROUND, BACKGROUND_S)
                self._writer = _PostgresWriter(await _Connections.opened(self._address, 1, COMMIT_S), self._queue_limit)

    async def close(self) -> None:
        parts = (self._writer, self._background, self._reading)
        self._writer = self._background = self._reading = None
        for part in parts:
            if part is not None:
                await part.close()

    async def schema(self) -> Schema:
        return await _on_a_connection(self._address, _schema)

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        if self._reading is None:
            raise not_open(self.label)
        return await self._reading.fetch(sql, *values)

    def write(
        self, work: Callable[[], Work[T]], keys: Sequence[str] = (), *, is_long: bool = False, is_flushed: bool = True
    ) -> Coroutine[Any, Any, T]:
        if self._writer is None or self._background is None:
            raise not_open(self.label)
        if keys and not is_long:
            return self._writer.write(work, keys)
        return self._background.use(
            partial(_transact, work=work, locked=keys, begin="BEGIN" if is_flushed else _UNFLUSHED), is_conflict
        )

    async def trim(self) -> None:
        """Does nothing, because autovacuum removes deleted rows."""

    async def purge(self, *, rewrite: bool) -> None:
        """Delete from the tables, not from PostgreSQL's log."""
        if self._writer is None:
            raise not_open(self.label)

        async def vacuum(connection: Connection, _: str) -> None:
            await connection.execute("SET statement_timeout = 0")
            for table in TABLES_WITH_NUMBERS:
                await connection.execute(f"VACUUM (FULL {rewrite}) {table}")

        await _on_a_connection(self._address, vacuum, limit_s=None)

    async def require_unused(self) -> None:
        await _on_a_connection(self._address, require_unused)

    async def replace_by(self, path: Path) -> None:
        """Runs in one transaction."""

        async def load(connection: Connection, label: str) -> None:
            async with _transaction(connection):
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
                await require_unused(connection, label)
                await _run(connection, upgrade("postgres", label))
                await copy_in(connection, path)

        await _on_a_connection(self._address, load, limit_s=None)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Read]:
        require_tables(await _on_a_connection(self._address, _schema, limit_s=CONNECT_S), self.label)
        connections = await _Connections.opened(self._address, 1, SEARCH_S, statement_s=SEARCH_S)
        try:
            yield connections.fetch
        finally:
            await connections.close()


class _Connections:
    """A connection pool that raises the store's errors and connects on demand."""

    def __init__(self, address: Address, size: int, limit_s: float, *, statement_s: float | None = None) -> None:
        self.label = address.label
        self._limit_s = limit_s
        self._pool = asyncpg.create_pool(
            min_size=0,
            max_size=size,
            init=None if address.is_pooled else _make_durable,
            connect=_connect,
            reset=_keep,
            **_options(address, statement_s),
        )

    @classmethod
    async def opened(
        cls, address: Address, size: int, limit_s: float, *, statement_s: float | None = None
    ) -> _Connections:
        made = cls(address, size, limit_s, statement_s=statement_s)
        await made._pool
        return made

    async def fetch(self, sql: Sql, *values: object) -> list[Row]:
        return await self.use(lambda connection: _fetch(connection, sql.postgres, values), is_lost)

    async def use(self, work: Callable[[Connection], Awaitable[T]], may_retry: Callable[[BaseException], bool]) -> T:
        """Run `work` on a connection. Raises its errors, StoreUnavailable, and StoreError if a row cannot be stored.

        After a restart of PostgreSQL, each connection of the pool is replaced at its next use.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                for left in range(TRIES, 0, -1):
                    try:
                        return await self._once(work)
                    except DRIVER_ERRORS as error:
                        if left == 1 or isinstance(error, ConnectionRefusedError) or not may_retry(error):
                            raise
                raise AssertionError("the last attempt returns or raises")
        except asyncio.CancelledError as error:
            raise error from store_wait(self.label)
        except DRIVER_ERRORS as error:
            if is_row_error(error):
                raise refused(self.label, error) from error
            raise unavailable(self.label, error) from error

    async def _once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await self._pool.acquire()
        try:
            return await work(connection)
        except (asyncpg.PostgresError, StoreError) as error:
            if is_standby_error(error):
                await self._pool.expire_connections()  # new connections may reach the primary
            raise
        except BaseException:
            connection.terminate()  # the connection is busy: do not wait for it
            raise
        finally:
            await self._pool.release(connection)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


class _PostgresWriter(GroupWriter):
    """Writes groups over a connection of its own.

    A group whose commit loses it gets StoreUnavailable; a repeated webhook then finds its rows or writes them.
    """

    def __init__(self, connections: _Connections, queue_limit: int) -> None:
        super().__init__(connections.label, queue_limit)
        self._connections = connections

    async def close(self) -> None:
        await super().close()
        await self._connections.close()

    def next_group(self) -> list[WriteItem]:
        """Take operations on different calls, sorted alike on all hosts. One call's operations keep their order."""
        group: list[WriteItem] = []
        later: list[WriteItem] = []
        names: set[str] = set()
        for _ in range(min(len(self.queue), 2 * GROUP_LIMIT)):
            item = self.queue.popleft()
            own = {key for key in item.keys if key}
            is_free = names.isdisjoint(own) and len(group) < GROUP_LIMIT
            (group if is_free else later).append(item)
            names |= own
        self.queue.extendleft(reversed(later))
        return sorted(group, key=lambda item: sorted(set(item.keys)))

    async def commit(self, group: list[WriteItem]) -> None:
        try:
            await self._connections.use(partial(_write_group, group=group, label=self.label), is_conflict)
        except Exception as error:  # noqa: BLE001 - handed to every waiting task
            if isinstance(error.__cause__, TimeoutError):  # the next writes would time out too
                group = [*group, *self.queue]
                self.queue.clear()
            for item in group:
                item.error = error if isinstance(error, StoreError) else unavailable(self.label, error)
        for item in group:
            item.settle()


async def _write_group(connection: Connection, group: Sequence[WriteItem], label: str) -> None:
    try:
        async with _transaction(connection):
            await _lock_calls(connection, group)
            await _run_side_by_side(connection, group)
        return
    except Exception as error:
        if own_error(label, error) is None:
            raise
    async with _transaction(connection):
        await _lock_calls(connection, group)
        for item in group:
            await connection.execute("SAVEPOINT item")
            try:
                await _run_side_by_side(connection, [item])
            except Exception as error:
                item.error = own_error(label, error)
                if item.error is None:
                    raise
                await connection.execute("ROLLBACK TO item")
            await connection.execute("RELEASE item")


async def _lock_calls(connection: Connection, group: Sequence[WriteItem]) -> None:
    """Wait for other hosts' groups with the same calls or rows of tables.

    A single operation locks only its calls' rows, unless it changes rows of tables (`[` in the name).
    """
    if len(group) > 1 or any("[" in key for key in group[0].keys):
        await _lock_names(connection, {key for item in group for key in item.keys if key})


async def _lock_names(connection: Connection, names: Iterable[str]) -> None:
    keys = sorted(zlib.crc32(name.encode(errors="replace")) - (1 << 31) for name in names)
    await connection.fetch(_LOCK_CALLS, _CALLS, keys)


async def _run_side_by_side(connection: Connection, items: Iterable[WriteItem]) -> None:
    steps: dict[WriteItem, tuple[Work[Any], Statement]] = {}

    def go_on(item: WriteItem, work: Work[Any], rows: Any) -> None:
        try:
            steps[item] = (work, work.send(rows))
        except StopIteration as done:
            item.result = done.value
            steps.pop(item, None)
        except StoreError as refusal:
            item.error = refusal
            steps.pop(item, None)

    for item in items:
        item.error = None
        go_on(item, item.work(), None)
    while steps:
        together: dict[str, list[WriteItem]] = {}
        for item, (_, statement) in steps.items():
            together.setdefault(statement[0].postgres, []).append(item)
        for sql in sorted(together):
            some = together[sql]
            every = await _send_together(connection, [steps[item][1] for item in some])
            for item, rows in zip(some, every, strict=True):
                go_on(item, steps[item][0], rows)


async def _send_together(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    first = statements[0]
    every = [_stored(values) for _, values in statements]
    sql = f"{first.sql.postgres}{_RETURNING}" if isinstance(first, Insert) else first[0].postgres
    found: dict[Any, list[Row]] = {}
    for row in await connection.fetchmany(sql, every):
        found.setdefault(row[0], []).append(_loaded(row))
    if not found:
        return [[] for _ in every]
    if not isinstance(first, Keyed | Insert):
        raise AssertionError(f"a statement without a key returns rows: {sql}")
    return [found.get(values[0], []) for values in every]


async def _transact(
    connection: Connection, work: Callable[[], Work[T]], locked: Sequence[str] = (), begin: str = "BEGIN"
) -> T:
    async with _transaction(connection, begin):
        if locked:
            await _lock_names(connection, locked)
        return await _run(connection, work())


async def _run(connection: Connection, work: Work[T]) -> T:
    try:
        statement = next(work)
        while True:
            if not isinstance(statement, Many):
                rows = await _fetch(connection, statement[0].postgres, statement[1])
            elif statement.rows:
                found = await connection.fetchmany(
                    statement.sql.postgres, [_stored(values) for values in statement.rows]
                )
                rows = [_loaded(row) for row in found]
            else:
                rows = []
            statement = work.send(rows)
    except StopIteration as done:
        result: T = done.value
        return result


async def _fetch(connection: Connection, sql: str, values: Sequence[object]) -> list[Row]:
    return [_loaded(row) for row in await connection.fetch(sql, *_stored(values))]


@asynccontextmanager
async def _transaction(connection: Connection, begin: str = "BEGIN") -> AsyncIterator[None]:
    """Unlike this one, asyncpg's awaits ROLLBACK even if the network is down and the task cancelled."""
    await connection.execute(begin)
    try:
        yield
    except Exception:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


def _stored(values: Iterable[object]) -> list[object]:
    return [
        stored_text(value) if isinstance(value, str) and not (value.isascii() and value.isprintable()) else value
        for value in values
    ]


def _loaded(row: Iterable[Any]) -> Row:
    return tuple(loaded_text(value) if isinstance(value, str) else value for value in row)


def _options(address: Address, statement_s: float | None = None) -> dict[str, Any]:
    """A pooler in transaction mode keeps no settings and no prepared statements."""
    settings = _SETTINGS if statement_s is None else {**_SETTINGS, "statement_timeout": str(int(statement_s * 1000))}
    name = {} if "application_name=" in address.dsn else {"application_name": "ncco-server"}
    return {
        "dsn": address.dsn,
        "timeout": CONNECT_S,
        "server_settings": name if address.is_pooled else {**name, **settings},
        "statement_cache_size": 0 if address.is_pooled else 200,
        "max_cached_statement_lifetime": 0,
    }


async def _connect(*words: Any, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
    """Raise asyncpg's errors also for a variable of libpq, or a host, that cannot be read."""
    try:
        made: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(*words, **options)
    except ValueError as error:
        if isinstance(error, DRIVER_ERRORS):
            raise
        raise asyncpg.ClientConfigurationError(str(error)) from error
    return made


async def _make_durable(connection: Connection) -> None:
    await connection.execute(_DURABLE)


async def _keep(_: object) -> None:
    """Skip the reset of a returned connection: it keeps no state."""


async def _on_a_connection(
    address: Address, work: Callable[[Connection, str], Awaitable[T]], *, limit_s: float | None = OPEN_S
) -> T:
    """Raise StoreUnusable or StoreUnavailable."""
    try:
        async with asyncio.timeout(limit_s):
            require_files(address)
            connection = await _connect(**_options(address))
            try:
                return await work(connection, address.label)
            finally:
                connection.terminate()
    except DRIVER_ERRORS as error:
        raise unusable(address.label, error) from error


async def _schema(connection: Connection, label: str) -> Schema:
    return await _run(connection, find_schema("postgres", label))


async def _prepare(connection: Connection, label: str) -> None:
    """If several hosts start at once, one migrates."""
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        cure = "use a database in UTF-8: createdb --encoding=UTF8 --template=template0 NAME"
        raise StoreUnusable(
            f"{label} uses the encoding {encoding}, which lacks characters that webhooks may contain", cure
        )
    if (await _schema(connection, label)).missing:
        async with _transaction(connection):
            await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            await _run(connection, upgrade("postgres", label))
    await _transact(connection, probe)
