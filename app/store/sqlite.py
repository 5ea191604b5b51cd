"""The database of a store in one SQLite file, which several processes of one host may share, or in memory.

One thread writes for all tasks, and commits in groups: while one group is synced to disk, the next one gathers. In
memory, what the tasks of one round of the event loop write is one group.

Reads of single calls run in the event loop: one takes some 10 µs, and a hop to another thread and back ten times as
long. In WAL mode a reader does not wait for a writer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final

from app.errors import AppError, StoreUnavailable, StoreUnusable
from app.store import sqlite_file
from app.store.copies import copy_file, replace_file, require_unused
from app.store.database import Read, Row, T, Work, WriteItem, store_wait
from app.store.migrations import SQLITE, find_schema, require_readable, upgrade
from app.store.rows import Schema

BUSY_MS: Final = 1_500
"""How long a write waits for another process; two such waits in a row end before Vonage gives up (5 s)."""

OPEN_WAIT_MS: Final = 5_000
"""How long `open` waits for another process, which may be migrating the same file."""

QUEUE_LIMIT: Final = 2_000
"""Writes that may wait; a further one is refused at once, since it would miss the caller's deadline."""

GROUP_LIMIT: Final = 256
"""The most writes in one group, so that the first of them does not wait forever."""

CHECKPOINT_AFTER: Final = 250
"""Writes after which the write-ahead log (then about 2 MB) is written back, as soon as no write is waiting."""

TRIM_S: Final = 1.0
"""How long `trim` tries to empty a write-ahead log that others are reading."""

_PAUSE_S: Final = 0.01


class SqliteDatabase:
    """A file in WAL mode, synced at every commit.

    Args:
        path: the file; it and its folder are created when missing. None: in memory, until the process ends.
        busy_ms, open_wait_ms: how long to wait for another process that writes.
        queue_limit: writes that may wait.

    Attributes:
        label, path, is_durable: see `Database`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        busy_ms: int = BUSY_MS,
        open_wait_ms: int = OPEN_WAIT_MS,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        self.path = path
        self.label = str(path) if path else "memory"
        self.is_durable = path is not None
        self._busy_ms = busy_ms
        self._open_wait_ms = open_wait_ms
        self._queue_limit = queue_limit
        self._memory = None if path else sqlite_file.connect(None, 0)
        self._place: Path | None = None
        self._writer: Writer | None = None
        self._connection: sqlite3.Connection | None = None
        self._gathered: list[WriteItem] = []

    async def open(self) -> None:
        """See `Database.open`."""
        if self._place is not None or self._connection is not None:
            return
        if self._memory is not None:
            sqlite_file.run(self._memory, upgrade(SQLITE, sqlite_file.LIST_TABLES, self.label))
            self._connection = self._memory
            return
        path = await asyncio.to_thread(self._absolute)
        await asyncio.to_thread(sqlite_file.prepare, path, self._open_wait_ms)
        if self._writer is None:  # or another task has opened it meanwhile
            self._place, self._writer = path, Writer(path, self._busy_ms, self._queue_limit)

    async def close(self) -> None:
        """See `Database.close`. What a database in memory holds stays until the process ends."""
        writer, connection = self._writer, self._connection
        self._writer = self._connection = self._place = None
        if connection is not None and connection is not self._memory:
            connection.close()
        if writer is not None:
            await asyncio.to_thread(writer.close)

    async def schema(self) -> Schema:
        """See `Database.schema`."""
        return await asyncio.to_thread(lambda: sqlite_file.schema_of(self._absolute(), self._open_wait_ms))

    async def read(self, sql: str, *values: object) -> list[Row]:
        """See `Database.read`. It waits a moment for a process that recovers the log after a crash."""
        until = time.monotonic() + self._busy_ms / 1000
        while True:
            try:
                if self._connection is None:
                    self._connection = sqlite_file.connect(self._require_open(), 0)
                # All rows at once: a cursor left half read would hold the log and see old data.
                return sqlite_file.fetch(self._connection, sql, values)
            except sqlite3.Error as error:
                if not sqlite_file.is_busy(error) or time.monotonic() > until:
                    raise sqlite_file.unavailable(self.label, error) from error
            await asyncio.sleep(_PAUSE_S)

    async def write(self, work: Callable[[], Work[T]], keys: Iterable[str] = ()) -> T:
        """See `Database.write`."""
        item = WriteItem(work, asyncio.get_running_loop().create_future())
        if self._writer is not None:
            self._writer.put(item)
        elif self._connection is not None:
            if not self._gathered:  # what the tasks that are ready now write is one group
                asyncio.get_running_loop().call_soon(self._commit_gathered, self._connection)
            self._gathered.append(item)
        else:
            self._require_open()
        try:
            result: T = await item.done
        except asyncio.CancelledError as error:
            raise error from store_wait(self.label)
        return result

    def _commit_gathered(self, memory: sqlite3.Connection) -> None:
        group, self._gathered = self._gathered, []
        _commit(memory, [item for item in group if not item.done.cancelled()], self.label)
        _settle(group)

    async def trim(self) -> None:
        """See `Database.trim`."""
        if self.path is not None:
            with suppress(sqlite3.Error):  # the next one does it
                await asyncio.to_thread(sqlite_file.trim, self._require_open(), TRIM_S)

    async def purge(self, *, rewrite: bool) -> bool:
        """See `Database.purge`. What is deleted is overwritten at once; this empties the log."""
        if self.path is None:
            return True
        path = self._require_open()
        patience_s = self._open_wait_ms / 1000
        try:
            return await asyncio.to_thread(sqlite_file.purge, path, patience_s, rewrite=rewrite)
        except sqlite3.Error as error:
            raise sqlite_file.unavailable(self.label, error) from error

    async def copy_to(self, path: Path) -> None:
        """See `Database.copy_to`."""
        require_readable(await self.schema(), self.label)
        await asyncio.to_thread(copy_file, self._absolute(), path)

    async def require_unused(self) -> None:
        """See `Database.require_unused`."""
        await asyncio.to_thread(require_unused, self._absolute())

    async def replace_by(self, path: Path) -> None:
        """See `Database.replace_by`. The copy is moved, so it must be on the same file system."""
        await asyncio.to_thread(replace_file, self._absolute(), path)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Read, Schema]]:
        """See `Database.reading`. Each query of a file has a connection of its own, in another thread.

        Closing one that another thread uses would end the process.
        """
        yield self._read_apart, await self._readable_schema()

    async def _readable_schema(self) -> Schema:
        if self._memory is not None:
            return sqlite_file.run(self._memory, find_schema(SQLITE, sqlite_file.LIST_TABLES, self.label))
        schema = await self.schema()
        path = await asyncio.to_thread(self._absolute)
        if not await asyncio.to_thread(path.is_file):
            cure = "set NCCO_DATABASE_URL to the server's database, or run commands in the server's folder"
            raise StoreUnusable(f"there is no database at {path}", cure)
        require_readable(schema, self.label)
        return schema

    async def _read_apart(self, sql: str, *values: object) -> list[Row]:
        if self._memory is not None:
            return self.read_apart(sql, values)
        return await asyncio.to_thread(self.read_apart, sql, values)

    def read_apart(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Every row of a query, on a connection of its own that writes nothing. Raises StoreUnavailable. Blocks."""
        try:
            if self._memory is not None:
                return sqlite_file.fetch(self._memory, sql, values)
            with closing(sqlite_file.connect(self._absolute(), self._busy_ms, "ro")) as connection:
                return sqlite_file.fetch(connection, sql, values)
        except sqlite3.Error as error:
            raise sqlite_file.unavailable(self.label, error) from error

    def _absolute(self) -> Path:
        return (self.path or Path()).absolute()

    def _require_open(self) -> Path:
        if self._place is None:
            raise StoreUnavailable(f"{self.label} is not open")
        return self._place


class Writer:
    """The thread that writes, its queue and its connection.

    When the file or its log is moved, replaced or deleted while it is open, writes are refused: they would be lost.
    """

    def __init__(self, path: Path, busy_ms: int, queue_limit: int) -> None:
        self._path = path
        self._busy_ms = busy_ms
        self._queue_limit = queue_limit
        self._queue: deque[WriteItem] = deque()
        self._has_work = threading.Event()
        self._is_closing = False
        self._connection: sqlite3.Connection | None = None
        self._file = _identity(path)
        self._log_path = path.with_name(f"{path.name}-wal")
        self._log: tuple[int, int] | None = None
        self._written = 0  # since the log was last written back
        self._thread = threading.Thread(target=self._run, name=f"writer of {path.name}", daemon=True)
        self._thread.start()

    def put(self, item: WriteItem) -> None:
        """Queue an operation. Raises StoreUnavailable when too many wait.

        The thread starts once the tasks that are ready now have run, so that what they write is one group.
        """
        if len(self._queue) >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self._path} are waiting already")
        self._queue.append(item)
        if len(self._queue) == 1:  # otherwise the thread takes it together with the one in front of it
            item.done.get_loop().call_soon(self._has_work.set)

    def close(self) -> None:
        """Write what is queued and end the thread. Blocks."""
        self._is_closing = True
        self._has_work.set()
        self._thread.join()

    def _run(self) -> None:
        while self._queue or not self._is_closing:
            self._has_work.wait()
            self._has_work.clear()
            while self._queue:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_LIMIT))]
                self._write([item for item in group if not item.done.cancelled()])
                _wake(group)
                self._write_back()
        self._disconnect()

    def _write(self, group: list[WriteItem]) -> None:
        try:
            self._require_in_place()
            if self._connection is None:
                self._connection = sqlite_file.connect(self._path, self._busy_ms)
            _commit(self._connection, group, str(self._path))
            self._log = self._log or _identity(self._log_path)
            self._written += len(group)
            if self._connection.in_transaction:
                self._disconnect()  # not even the rollback went through
        except Exception as error:  # noqa: BLE001 - handed to every waiting task; the thread goes on
            for item in group:
                item.error = sqlite_file.unavailable(str(self._path), error)

    def _require_in_place(self) -> None:
        if _identity(self._path) != self._file:
            raise FileNotFoundError(
                "it was moved or replaced while the server runs; put it back, or move its -wal to it and restart"
            )
        if self._log is not None and _identity(self._log_path) != self._log:
            raise FileNotFoundError("its write-ahead log was deleted while the server runs; restart the server")

    def _write_back(self) -> None:
        """Write the log back into the file if it is long. SQLite would do it within a commit, while callers wait."""
        if self._written >= CHECKPOINT_AFTER and not self._queue and self._connection is not None:
            self._written = 0
            with suppress(Exception):  # it costs only disk space: the next one does it
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _disconnect(self) -> None:
        connection, self._connection, self._log = self._connection, None, None
        if connection is not None:
            with suppress(Exception):  # of a broken file
                connection.close()


def _commit(connection: sqlite3.Connection, group: list[WriteItem], label: str) -> None:
    """Run operations one after another in one transaction; each has its result or its error afterwards.

    When the database fails, all of them have that error. Savepoints cost time, so there are some only once an operation
    has failed.
    """
    try:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for item in group:
                _run(connection, item)
        except Exception as error:
            if sqlite_file.own_error(label, error) is None:
                raise
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for item in group:
                _run_alone(connection, item, label)
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - handed to every waiting task
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        for item in group:
            item.error = sqlite_file.unavailable(label, error)


def _run(connection: sqlite3.Connection, item: WriteItem) -> None:
    """Run one operation. What it raises itself, it raises before it has written anything."""
    item.error = None
    try:
        item.result = sqlite_file.run(connection, item.work())
    except AppError as error:
        item.error = error


def _run_alone(connection: sqlite3.Connection, item: WriteItem, label: str) -> None:
    """Run one operation. What only it fails with is its own error, and it leaves nothing behind."""
    connection.execute("SAVEPOINT item")
    try:
        _run(connection, item)
    except Exception as error:
        item.error = sqlite_file.own_error(label, error)
        if item.error is None:
            raise
        connection.execute("ROLLBACK TO item")
    connection.execute("RELEASE item")


def _wake(group: list[WriteItem]) -> None:
    """Settle the items of each loop with one call into it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[WriteItem]] = {}
    for item in group:
        by_loop.setdefault(item.done.get_loop(), []).append(item)
    for loop, items in by_loop.items():
        with suppress(Exception):  # of a loop that is closed, where nobody waits; the thread goes on
            loop.call_soon_threadsafe(_settle, items)


def _settle(items: list[WriteItem]) -> None:
    for item in items:
        item.settle()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
