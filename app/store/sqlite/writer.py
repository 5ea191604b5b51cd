"""One thread that writes for all tasks, and commits in groups: while one group is synced to disk the next one gathers.

Each item of a group has its own savepoint, so that one that is refused leaves nothing and its neighbours stay. Items
run one after the other in the order in which they came: a compare-and-set sees what the item before it wrote. No task
hears of its item before the COMMIT of the group has returned, not even of a refusal, since that may stand on a
neighbour's write; when the COMMIT fails, the whole group has failed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from app.errors import StoreUnavailable
from app.store.sqlite.faults import unavailable
from app.store.sqlite.opening import Connect

GROUP_LIMIT = 256
"""Items committed together at most, so that the first of them does not wait for ever."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True, eq=False)
class Item:
    """One unit of writing, and the task that waits for it."""

    work: Work
    done: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Wake the task, in its own loop. One that was cancelled meanwhile hears nothing."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)
            self.done.exception()  # seen: a task that is cancelled at this very moment leaves no complaint in the log


class Writer:
    """The thread, its queue and its connection.

    Args:
        path: the file; when it or its log is moved, replaced or deleted while open, writes are refused: they would be
            lost with it.
        connect: makes a connection to it.
        busy_ms: how long a group waits for another process that writes.
        queue_limit: items that may wait.
    """

    def __init__(self, path: Path, connect: Connect, busy_ms: int, queue_limit: int) -> None:
        self._path = path
        self._connect = connect
        self._busy_ms = busy_ms
        self._queue_limit = queue_limit
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._file = _identity(path)
        self._log_path = path.with_name(f"{path.name}-wal")
        self._log: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name=f"writer of {path.name}", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction; returns or raises what it does, once that is on disk.

        A task that is cancelled while it waits does not know whether its item was written; never half of it is.
        Raises StoreUnavailable.
        """
        if self._queue.qsize() >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self._path} are waiting already")
        item = Item(work, asyncio.get_running_loop().create_future())
        self._queue.put(item)
        result: T = await item.done
        return result

    def close(self) -> None:
        """Write what is queued, and end the thread. Blocks; nothing may be written after it."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_running = True
        while is_running:
            group = [self._queue.get()]
            while len(group) < GROUP_LIMIT and not self._queue.empty():
                group.append(self._queue.get())
            is_running = None not in group
            self._handle([item for item in group if item is not None])
        self._disconnect()

    def _handle(self, group: list[Item]) -> None:
        if not group:
            return
        try:
            self._commit(group)
        except Exception as error:  # noqa: BLE001 - handed to every waiting task; the thread must outlive it
            self._roll_back()
            for item in group:
                item.error = unavailable(self._path, error)
        _wake(group)

    def _commit(self, group: list[Item]) -> None:
        if _identity(self._path) != self._file:
            raise FileNotFoundError("it was moved or replaced while the server runs; put it back or restart the server")
        if self._log is not None and _identity(self._log_path) != self._log:
            raise FileNotFoundError("its write-ahead log was deleted while the server runs; restart the server")
        if self._connection is None:
            self._connection = self._connect(self._busy_ms)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        for item in group:
            if not item.done.cancelled():
                _attempt(connection, item)
        connection.execute("COMMIT")
        self._log = self._log or _identity(self._log_path)

    def _roll_back(self) -> None:
        """End a failed transaction; a connection that cannot even do that is replaced."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._log = None


def _attempt(connection: sqlite3.Connection, item: Item) -> None:
    """Run one item. What it raises is its own, unless the database itself fails: that ends the group."""
    connection.execute("SAVEPOINT item")
    try:
        item.result = item.work(connection)
    except Exception as error:
        if _is_of_database(error):
            raise
        item.error = error
        connection.execute("ROLLBACK TO item")
    connection.execute("RELEASE item")


def _is_of_database(error: Exception) -> bool:
    """Whether the file or its disk failed (full, damaged, not readable), and not what was to be written."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def _wake(group: list[Item]) -> None:
    """Settle the items of each loop with one call into it; a loop that is closed has nobody left to tell."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Item]] = {}
    for item in group:
        by_loop.setdefault(item.done.get_loop(), []).append(item)
    for loop, items in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, items)
        except RuntimeError:
            continue


def _settle(items: list[Item]) -> None:
    for item in items:
        item.settle()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
