"""A SQLite database: in one file, which several processes of a host can share, or in memory.

A single call's statements run in the event loop: a thread takes ten times as long. COMMIT waits for the disk in a
thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from ncco_server.errors import AppError, StoreUnusable
from ncco_server.store import sqlite_file
from ncco_server.store.copies import replace_file, require_unused
from ncco_server.store.database import QUEUE_LIMIT, GroupWriter, Read, Row, T, Work, WriteItem, not_open
from ncco_server.store.migrations import require_tables, upgrade
from ncco_server.store.rows import Schema
from ncco_server.store.sql import Sql

BUSY_MS: Final = 1_500
"""Limits a write's wait for another process. Two of them fit into Vonage's time limit (5 s)."""

OPEN_WAIT_MS: Final = 5_000
"""Another process may be migrating the same file."""

GROUP_LIMIT: Final = 256

CHECKPOINT_AFTER: Final = 250
"""The write-ahead log, then about 2 MB long, is written back."""

TRIM_S: Final = 1.0
"""Limits the tries to empty a write-ahead log that is in use."""

_PAUSE_S: Final = 0.001

Run: TypeAlias = Callable[[sqlite3.Connection, WriteItem], None]


class SqliteDatabase:
    """A file in WAL mode, synced at every commit; without a path, a database in memory."""

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
        if self._memory is not None:
            weakref.finalize(self, self._memory.close)
        self._place: Path | None = None
        self._writer: _Writer | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        if self._place is not None or self._connection is not None:
            return
        if self._memory is not None:
            sqlite_file.run(self._memory, upgrade("sqlite", self.label))
            self._connection = self._memory
            self._writer = _Writer(self.label, self._queue_limit, self._memory)
            return
        path = await asyncio.to_thread(self._absolute)
        await asyncio.to_thread(sqlite_file.prepare, path, self._open_wait_ms)
        if self._writer is None:  # another task may have opened it meanwhile
            self._place = path
            self._writer = _FileWriter(path, self._busy_ms, self._queue_limit)

    async def close(self) -> None:
        """In memory, data lasts as long as this object."""
        writer = self._writer
        connection = self._connection
        self._writer = self._connection = self._place = None
        if connection is not None and connection is not self._memory:
            connection.close()
        if writer is not None:
            await writer.close()

    async def schema(self) -> Schema:
        return await asyncio.to_thread(lambda: sqlite_file.schema_of(self._absolute(), self._open_wait_ms))

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        """Waits briefly while another process recovers the log after a crash."""
        until = time.monotonic() + self._busy_ms / 1000
        while True:
            try:
                if self._connection is None:
                    self._connection = sqlite_file.connect(self._require_open(), 0)
                # An open cursor would keep the log in use and see old data.
                return sqlite_file.fetch(self._connection, sql, values)
            except sqlite3.Error as error:
                if not sqlite_file.is_busy(error) or time.monotonic() > until:
                    raise sqlite_file.unavailable(self.label, error) from error
            await asyncio.sleep(_PAUSE_S)

    def write(
        self, work: Callable[[], Work[T]], keys: Sequence[str] = (), *, is_long: bool = False, is_flushed: bool = True
    ) -> Coroutine[Any, Any, T]:
        if self._writer is None:
            raise not_open(self.label)
        return self._writer.write(work, () if is_long else keys, is_flushed=is_flushed)

    async def trim(self) -> None:
        if self.path is not None:
            with suppress(sqlite3.Error):
                await asyncio.to_thread(sqlite_file.trim, self._require_open(), TRIM_S)

    async def purge(self, *, rewrite: bool) -> bool:
        """SQLite overwrites deleted data itself, so this only empties the log."""
        if self.path is None:
            return True
        path = self._require_open()
        patience_s = self._open_wait_ms / 1000
        try:
            return await asyncio.to_thread(sqlite_file.purge, path, patience_s, rewrite=rewrite)
        except sqlite3.Error as error:
            raise sqlite_file.unavailable(self.label, error) from error

    async def require_unused(self) -> None:
        await asyncio.to_thread(require_unused, self._absolute())

    async def replace_by(self, path: Path) -> None:
        """The copy is moved, so it must be on the same file system."""
        await asyncio.to_thread(replace_file, self._absolute(), path)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Read]:
        """A file is read in other threads."""
        await self._require_readable()
        reader = _Reader(self)
        try:
            yield reader.read
        finally:
            reader.close()

    async def _require_readable(self) -> None:
        if self._memory is not None:
            return
        schema = await self.schema()
        path = await asyncio.to_thread(self._absolute)
        if not await asyncio.to_thread(path.is_file):
            cure = "set NCCO_DATABASE_URL to the server's database, or run commands in the server's folder"
            raise StoreUnusable(f"there is no database at {path}", cure)
        require_tables(schema, self.label)

    def connect_apart(self) -> sqlite3.Connection:
        """Read-only; a database in memory has only one connection. Raises sqlite3.Error. Blocks."""
        return self._memory or sqlite_file.connect(self._absolute(), self._busy_ms, "ro")

    def _absolute(self) -> Path:
        return (self.path or Path()).absolute()

    def _require_open(self) -> Path:
        if self._place is None:
            raise not_open(self.label)
        return self._place


class _Reader:
    """Reads over one connection of its own, which threads use one after the other.

    Opening one takes as long as a hundred small queries.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._is_free = threading.Lock()
        self._is_closed = False

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        if self._database.path is None:
            return self.fetch(sql, values)
        return await asyncio.to_thread(self.fetch, sql, values)

    def fetch(self, sql: Sql, values: Sequence[object]) -> list[Row]:
        """Raise StoreUnavailable. Blocks."""
        with self._is_free:
            if self._is_closed:  # before a thread came to this query
                raise not_open(self._database.label)
            try:
                if self._connection is None:
                    self._connection = self._database.connect_apart()
                return sqlite_file.fetch(self._connection, sql, values)
            except sqlite3.Error as error:
                raise sqlite_file.unavailable(self._database.label, error) from error

    def close(self) -> None:
        """Wait for a running query, whose task may have been cancelled."""
        if self._database.path is None:
            return
        self._is_closed = True
        if self._is_free.locked():
            threading.Thread(target=self._disconnect, name=f"closes {self._database.label}").start()
        else:
            self._disconnect()

    def _disconnect(self) -> None:
        with self._is_free:
            if self._connection is not None:
                self._connection.close()


class _Writer(GroupWriter):
    """Writes groups to one connection."""

    def __init__(self, label: str, queue_limit: int, connection: sqlite3.Connection | None = None) -> None:
        super().__init__(label, queue_limit)
        self._connection = connection

    def next_group(self) -> list[WriteItem]:
        return [self.queue.popleft() for _ in range(min(len(self.queue), GROUP_LIMIT))]

    async def commit(self, group: list[WriteItem]) -> None:
        """If the database fails, all operations get that error.

        Savepoints take time, so they are used only after an operation has failed.
        """
        try:
            try:
                await self._write(group, _run)
            except Exception as error:
                if sqlite_file.own_error(self.label, error) is None:
                    raise
                await self._write(group, self._run_alone)
        except Exception as error:  # noqa: BLE001 - handed to every waiting task
            for item in group:
                item.error = sqlite_file.unavailable(self.label, error)
        for item in group:
            item.settle()

    async def _write(self, group: list[WriteItem], run: Run) -> None:
        connection = await self._begun(group)
        try:
            if all(item.keys for item in group):
                _run_all(connection, group, run)
            else:  # this may take long
                await self._apart(_run_all, connection, group, run)
            await self._apart(connection.execute, "COMMIT")
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

    def _run_alone(self, connection: sqlite3.Connection, item: WriteItem) -> None:
        connection.execute("SAVEPOINT item")
        try:
            _run(connection, item)
        except Exception as error:
            item.error = sqlite_file.own_error(self.label, error)
            if item.error is None:
                raise
            connection.execute("ROLLBACK TO item")
        connection.execute("RELEASE item")

    async def _begun(self, _: list[WriteItem]) -> sqlite3.Connection:
        assert self._connection is not None  # noqa: S101 - for the type
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    async def _apart(self, work: Callable[..., object], *args: object) -> None:
        work(*args)


class _FileWriter(_Writer):
    """Writes groups to a file.

    It refuses writes, which would be lost, if the file or its log is moved, replaced or deleted.
    """

    def __init__(self, path: Path, busy_ms: int, queue_limit: int) -> None:
        super().__init__(str(path), queue_limit)
        self._path = path
        self._busy_ms = busy_ms
        self._file = _identity(path)
        self._log_path = path.with_name(f"{path.name}-wal")
        self._log: tuple[int, int] | None = None
        self._is_flushed = True
        self._written = 0
        self._written_back: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, f"writer of {path.name}")

    async def close(self) -> None:
        await super().close()
        if self._written_back is not None:
            await asyncio.wait({self._written_back})
        await self._apart(self._disconnect)
        self._thread.shutdown()

    async def commit(self, group: list[WriteItem]) -> None:
        """Also write a long log back: SQLite would do so while callers wait.

        A thread writes most of it back during commits, and the last pages when no write is waiting: SQLite only
        restarts a log that is written back completely.
        """
        await super().commit(group)
        self._log = self._log or _identity(self._log_path)
        self._written += len(group)
        if self._written_back is None:
            if self._written >= CHECKPOINT_AFTER:
                self._written = 0
                loop = asyncio.get_running_loop()
                self._written_back = loop.run_in_executor(None, sqlite_file.write_back, self._path)
        elif self._written_back.done() and not self.queue and self._connection is not None:
            self._written_back = None
            with suppress(sqlite3.Error):  # harmless: the next checkpoint writes the log back
                await self._apart(sqlite_file.checkpoint, self._connection)

    async def _begun(self, group: list[WriteItem]) -> sqlite3.Connection:
        """Start a transaction; waits while another process writes.

        It waits in the writer's thread: a busy event loop would ask for the lock too rarely, as would SQLite with its
        growing waits.
        """
        self._require_in_place()
        if self._connection is not None and self._connection.in_transaction:
            self._disconnect()  # the last transaction could not even be rolled back
        try:
            if self._connection is None:
                self._connection = sqlite_file.connect(self._path, 0)
            is_flushed = any(item.is_flushed for item in group)
            if is_flushed != self._is_flushed:
                sqlite_file.flush(self._connection, is_flushed=is_flushed)
                self._is_flushed = is_flushed
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if not sqlite_file.is_busy(error):
                raise
            await self._wait_and_begin()
        assert self._connection is not None  # noqa: S101 - for the type
        return self._connection

    async def _wait_and_begin(self) -> None:
        gives_up = threading.Event()
        begun = asyncio.get_running_loop().run_in_executor(self._thread, self._begin_when_free, gives_up)
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            gives_up.set()
            await asyncio.wait({begun})
            self._disconnect()
            raise

    def _begin_when_free(self, gives_up: threading.Event) -> None:
        """Raises sqlite3.Error if another process keeps writing. Blocks."""
        if self._connection is None:
            self._connection = sqlite_file.connect(self._path, self._busy_ms)
        until = time.monotonic() + self._busy_ms / 1000
        while True:
            self._require_in_place()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                if not sqlite_file.is_busy(error) or time.monotonic() > until or gives_up.wait(_PAUSE_S):
                    raise
            else:
                return

    async def _apart(self, work: Callable[..., object], *args: object) -> None:
        """Run `work` in the writer's thread. Even a cancelled task waits for it."""
        done = asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait({done})
            raise

    def _require_in_place(self) -> None:
        if _identity(self._path) != self._file:
            raise FileNotFoundError(
                "it was moved or replaced while the server was running; put it back, or move its -wal next to it and "
                "restart"
            )
        if self._log is not None and _identity(self._log_path) != self._log:
            raise FileNotFoundError("its write-ahead log was deleted while the server was running; restart the server")

    def _disconnect(self) -> None:
        connection = self._connection
        self._connection = None
        self._log = None
        self._is_flushed = True
        if connection is not None:
            with suppress(Exception):  # the file may be damaged
                connection.close()


def _run_all(connection: sqlite3.Connection, group: list[WriteItem], run: Run) -> None:
    for item in group:
        run(connection, item)


def _run(connection: sqlite3.Connection, item: WriteItem) -> None:
    """An operation raises AppError only before it has written anything."""
    item.error = None
    try:
        item.result = sqlite_file.run(connection, item.work())
    except AppError as error:
        item.error = error


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
