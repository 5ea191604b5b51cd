"""One thread that writes for all tasks, and commits in groups: while one group is synced to disk the next one gathers.

Each item of a group has its own savepoint, so that one that is refused leaves nothing and its neighbours stay. Items
run one after the other in the order in which they came: a compare-and-set sees what the item before it wrote. No task
hears of its item before the commit of the group, not even of a refusal, since that may stand on a neighbour's write;
when the commit fails, the whole group has failed.

New calls that follow one another in a group are written with one statement, as are next turns and plain webhooks; a
group that has nothing else is that statement and no more, which begins and commits by itself. When one of its items is
refused, it has written none, and they are written one by one, as everything else is.

What the tasks of a loop write within one round of it is handed over at its end, together: the thread then wakes once,
and not while the loop still works on the next item.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from app.errors import StoreUnavailable
from app.store.sqlite.checkpoints import Checkpoints
from app.store.sqlite.faults import unavailable
from app.store.sqlite.opening import Connect
from app.store.sqlite.together import ROWS_AT_ONCE, Shared, with_views, write_together
from app.store.waiting import waited

GROUP_LIMIT = 256
"""Items after which no more join a group, so that the first of them does not wait for ever."""

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
        self._gathered: dict[asyncio.AbstractEventLoop, list[Item]] = {}
        self._queue: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._came = self._taken = 0  # items; the first counted by the loop, the second by the thread
        self._checkpoints = Checkpoints(path, connect)
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
        if self._came - self._taken >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self._path} are waiting already")
        loop = asyncio.get_running_loop()
        item = Item(work, loop.create_future())
        self._came += 1
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [item]
            loop.call_soon(self._hand_over, loop)
        else:
            gathered.append(item)
        try:
            result: T = await item.done
        except asyncio.CancelledError as error:
            waited(error)
            raise
        return result

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        items = self._gathered.pop(loop, [])
        for at in range(0, len(items), GROUP_LIMIT):
            self._queue.put(items[at : at + GROUP_LIMIT])

    def end(self) -> None:
        """Take nothing more; what was written so far in this loop is handed over now."""
        self._hand_over(asyncio.get_running_loop())
        self._queue.put(None)

    def wait(self) -> None:
        """Block until everything is written and the thread has ended; after `end`."""
        self._thread.join()

    def _run(self) -> None:
        is_running = True
        while is_running:
            group: list[Item] = []
            is_running = self._gather(group)
            while is_running and len(group) < GROUP_LIMIT and not self._queue.empty():
                is_running = self._gather(group)
            self._taken += len(group)
            self._handle(group)
        self._checkpoints.close()
        self._disconnect()

    def _gather(self, group: list[Item]) -> bool:
        """Wait for what comes next; whether anything may come after it."""
        items = self._queue.get()
        group.extend(items or ())
        return items is not None

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
        self._check_log(len(group))

    def _check_log(self, items: int) -> None:
        """Let the log be written back, once its tasks know that the group is."""
        self._checkpoints.written(items)
        if self._checkpoints.is_nearly_done and self._connection is not None:
            self._checkpoints.finish(self._connection)

    def _commit(self, group: list[Item]) -> None:
        if _identity(self._path) != self._file:
            raise FileNotFoundError("it was moved or replaced while the server runs; put it back or restart the server")
        if self._log is not None and _identity(self._log_path) != self._log:
            raise FileNotFoundError("its write-ahead log was deleted while the server runs; restart the server")
        connection = self._connected()
        pieces = list(_pieces([item for item in group if not item.done.cancelled()]))
        if len(pieces) != 1 or not _written_together(connection, pieces[0]):
            connection.execute("BEGIN IMMEDIATE")
            for piece in pieces:
                _attempt_all(connection, piece)
            connection.execute("COMMIT")
        self._log = self._log or _identity(self._log_path)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = with_views(self._connect(self._busy_ms))
        return self._connection

    def _roll_back(self) -> None:
        """End a failed transaction; a connection that cannot even do that is replaced."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection, self._log = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):  # of a broken file
                connection.close()


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in their order: those that one statement may write together, or a single one of another kind."""
    for kind, some in groupby(items, key=lambda item: type(item.work)):
        most = ROWS_AT_ONCE if issubclass(kind, Shared) else 1
        while piece := list(islice(some, most)):
            yield piece


def _attempt_all(connection: sqlite3.Connection, piece: list[Item]) -> None:
    if not _written_together(connection, piece):
        for item in piece:
            _attempt(connection, item)


def _written_together(connection: sqlite3.Connection, piece: list[Item]) -> bool:
    """Whether one statement has written them all; False: it has written none."""
    works = [item.work for item in piece if isinstance(item.work, Shared)]
    if not works:
        return False
    try:
        write_together(connection, works)
    except Exception as error:
        if _is_of_database(error):
            raise
        return False
    return True


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
        with suppress(Exception):  # of a loop that takes nothing any more; the thread must outlive it
            loop.call_soon_threadsafe(_settle, items)


def _settle(items: list[Item]) -> None:
    for item in items:
        item.settle()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
