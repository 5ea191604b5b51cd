"""One task that writes for all tasks, and commits in groups: while one group is committed the next one gathers.

No task hears of its item before the commit of its group has returned. When the connection is lost on the way, nobody
knows whether PostgreSQL has committed: all of the group hear StoreUnavailable, and a webhook that comes again finds
what was written, or writes it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from app.errors import StoreUnavailable
from app.store.address import Address
from app.store.postgres import faults
from app.store.postgres.batch import ROUNDS, Item, in_rounds, write, write_apart
from app.store.postgres.connecting import COMMIT_S, connect
from app.store.waiting import waited

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

GROUP_LIMIT: Final = 128
"""Items committed together at most, so that the first of them does not wait for ever."""

TRIES: Final = 3
"""Times that a group is written that stands in the way of another host's."""

PAUSE_S: Final = 0.2
"""Seconds after a connection that could not be made in which writes are refused at once."""


class Writer:
    """The task, its queue and its connection. Used by one event loop.

    Args:
        address: of the database.
        queue_limit: items that may wait.
    """

    def __init__(self, address: Address, queue_limit: int) -> None:
        self._address = address
        self._queue_limit = queue_limit
        self._queue: deque[Item] = deque()
        self._news = asyncio.Event()
        self._is_closing = False
        self._connection: Connection | None = None
        self._refused: tuple[float, Exception] | None = None
        self._task = asyncio.create_task(self._run(), name=f"writer of {address.label}")

    async def write(self, item: Item) -> int:
        """Write an item; returns or raises what came of it, once that is committed.

        A task that is cancelled while it waits does not know whether its item was written; never half of it is.
        Raises StoreUnavailable.
        """
        if len(self._queue) >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self._address.label} are waiting already")
        self._queue.append(item)
        self._news.set()
        try:
            return await item.done
        except asyncio.CancelledError as error:
            waited(error)
            raise

    async def close(self) -> None:
        """Write what is queued, and let go of the connection."""
        self._is_closing = True
        self._news.set()
        await self._task

    async def _run(self) -> None:
        group: list[Item] = []
        try:
            while self._queue or not self._is_closing:
                if not self._queue:
                    self._news.clear()
                    await self._news.wait()
                    continue
                group = self._next_group()
                if group:
                    await self._outlives(group)
        finally:
            self._abandon([*group, *self._queue])
            self._disconnect()

    def _next_group(self) -> list[Item]:
        """Items that nobody has cancelled, in their order."""
        count = min(len(self._queue), GROUP_LIMIT)
        return [item for item in (self._queue.popleft() for _ in range(count)) if not item.done.cancelled()]

    async def _outlives(self, group: list[Item]) -> None:
        """Write a group. Whatever becomes of it, the writer goes on, unless it is told to end."""
        try:
            await self._handle(group)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(group, RuntimeError("what it waited for was cancelled"))
        except Exception as error:  # noqa: BLE001 - handed to every waiting task
            self._fail(group, error)

    async def _handle(self, group: list[Item]) -> None:
        rounds = in_rounds(group)
        self._queue.extendleft(reversed([item for items in rounds[ROUNDS:] for item in items]))
        rounds = rounds[:ROUNDS]
        async with asyncio.timeout(COMMIT_S):
            await self._commit(rounds)
        for items in rounds:
            for item in items:
                item.settle()

    def _fail(self, group: list[Item], error: Exception) -> None:
        self._disconnect()
        for item in (*group, *self._given_up(error)):
            item.error = faults.unavailable(self._address.label, error)
            with suppress(Exception):  # the others must hear of it all the same
                item.settle()

    def _given_up(self, error: Exception) -> list[Item]:
        """Those behind a group that was not written in time: to wait as long once more is to hear of it too late."""
        behind = list(self._queue) if isinstance(error, TimeoutError) else []
        for _ in behind:
            self._queue.popleft()
        return behind

    async def _commit(self, rounds: list[list[Item]]) -> None:
        for tries in range(1, TRIES + 1):
            connection = await self._connected()
            try:
                await write(connection, rounds)
            except Exception as error:
                if faults.is_of_row(error):
                    await write_apart(connection, (item for items in rounds for item in items), self._refusal)
                elif not faults.is_clash(error) or tries == TRIES:
                    raise
                else:
                    continue
            return

    def _refusal(self, error: Exception) -> Exception:
        if faults.is_of_row(error):
            return faults.refused(self._address.label, error)
        raise error

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._connection = None
        if self._refused is not None and time.monotonic() < self._refused[0]:
            raise self._refused[1]
        try:
            self._connection = await connect(self._address)
        except Exception as error:
            self._refused = (time.monotonic() + PAUSE_S, error)
            raise
        self._refused = None
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # of a broken one
                connection.terminate()

    def _abandon(self, items: list[Item]) -> None:
        """The loop ends in the middle: whoever still waits must not wait for ever."""
        for item in items:
            item.error = StoreUnavailable(f"{self._address.label} is not open")
            item.settle()
