"""Reads, and transactions that need no group: a small pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from app.errors import StoreUnavailable
from app.store.address import Address
from app.store.postgres import faults
from app.store.postgres.connecting import CONNECT_S, READ_S, make_pool, transaction
from app.store.waiting import waited

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

TRIES: Final = 3
"""Times that a read is tried on lost connections, and a transaction when another host is in its way."""

APART: Final = 2
"""Connections that transactions never take: behind them stand hooks and sweeping, behind reads stand callers."""

T = TypeVar("T")

_AT_ONCE: Final[AbstractAsyncContextManager[object]] = nullcontext()


class Pool:
    """Connections that several tasks of one event loop share.

    Args:
        address: of the database.
        size: connections at most.
        statement_s: seconds that PostgreSQL gives a statement; None: those of a server's hot path.
    """

    def __init__(self, address: Address, size: int, *, statement_s: float | None = None) -> None:
        self._label = address.label
        self._size = size
        self._pool = make_pool(address, size, statement_s)
        self._transactions = asyncio.Semaphore(max(1, size - APART))

    async def open(self) -> None:
        """Make it ready; it connects when it is needed."""
        await self._pool

    async def read(self, sql: str, *values: object, limit_s: float = READ_S) -> list[asyncpg.Record]:
        """Every row of a query, as of the last commit. Raises StoreUnavailable.

        A connection that turns out to be lost is replaced by another: after a restart of PostgreSQL all are.
        """
        return await self._trying(lambda connection: connection.fetch(sql, *values), limit_s, self._may_read_again)

    async def transact(self, work: Callable[[Connection], Awaitable[T]], limit_s: float = READ_S) -> T:
        """What `work` returns, once its transaction is committed. Raises StoreUnavailable, and what `work` raises."""

        async def whole(connection: Connection) -> T:
            async with transaction(connection):
                return await work(connection)

        return await self._trying(whole, limit_s, _may_write_again, self._transactions)

    def _may_read_again(self, error: BaseException, tries: int) -> bool:
        return (faults.is_lost(error) or faults.is_ending(error)) and tries <= self._size

    async def _trying(
        self,
        ask: Callable[[Connection], Awaitable[T]],
        limit_s: float,
        may_again: Callable[[BaseException, int], bool],
        turn: AbstractAsyncContextManager[object] = _AT_ONCE,
    ) -> T:
        tries = 0
        try:
            async with asyncio.timeout(limit_s), turn:
                while True:
                    tries += 1
                    try:
                        return await self._ask(ask)
                    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                        if not may_again(error, tries) or isinstance(error, ConnectionRefusedError):
                            raise
        except asyncio.CancelledError as error:
            waited(error)
            raise
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if faults.is_of_row(error):
                raise faults.refused(self._label, error) from error
            raise faults.unavailable(self._label, error) from error

    async def _ask(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await self._pool.acquire()
        try:
            return await ask(connection)
        except (asyncpg.PostgresError, StoreUnavailable) as error:
            if faults.is_of_standby(error):
                await self._pool.expire_connections()  # new ones may lead to the primary
            raise  # the connection is whole
        except BaseException:
            connection.terminate()  # in the middle of something: nobody waits for its end
            raise
        finally:
            await self._pool.release(connection)

    async def close(self) -> None:
        """Let go of all connections, at once of those that do not end in time."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


def _may_write_again(error: BaseException, tries: int) -> bool:
    """Nothing was written. What leads to a standby was connected before a failover, perhaps: new ones tell."""
    return tries < TRIES if faults.is_clash(error) else tries == 1 and faults.is_of_standby(error)
