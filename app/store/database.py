"""The interface of a database: it runs statements in transactions.

Every writing operation is a generator that yields statements and is sent their rows, so that both databases share one
implementation.

    def hook_sent(id_, now): for (session,) in (yield DELETE_HOOK, (id_,)):
            yield FREE_NEXT, (now, session)

SQL is written for PostgreSQL, with `$1` for the first value; a table of the few differences of SQLite is in
`app.store.sqlite_file`. An operation raises StoreError only before it has written anything.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from app.errors import StoreUnavailable
from app.store.rows import Schema

Row: TypeAlias = tuple[Any, ...]


class Many(NamedTuple):
    """One statement for many rows of values. Its result has the rows of all."""

    sql: str
    rows: Sequence[Sequence[Any]]


class Keyed(NamedTuple):
    """A statement that repeats its first value at the start of each row.

    If several operations send the same statement together, this value assigns each row to its operation. Except for
    `Insert`, no other statement of a grouped operation returns rows.
    """

    sql: str
    values: Sequence[Any]


class Insert(NamedTuple):
    """An INSERT of one row that may already exist.

    Its result is the first value and the key of the new row, or nothing. SQLite reports the key without RETURNING,
    which would make the INSERT 50 % slower.
    """

    sql: str
    values: Sequence[Any]


Statement: TypeAlias = tuple[str, Sequence[Any]] | Keyed | Many | Insert

T = TypeVar("T")
Work: TypeAlias = Generator[Statement, list[Row], T]


class Read(Protocol):
    """Reads a database while servers write it."""

    async def __call__(self, sql: str, *values: object) -> list[Row]:
        """Every row of a query. Does not block the event loop, and may take long. Raises StoreUnavailable."""


class Database(Protocol):
    """Runs the store's reads and writes.

    Attributes:
        label: names the database in messages, without user and password.
        path: the file of a file database.
        is_durable: whether it outlives the process.
    """

    label: str
    path: Path | None
    is_durable: bool

    async def open(self) -> None:
        """Connect, migrate to the newest schema, and check that it is writable.

        Raises StoreUnusable; StoreUnavailable if a retry may succeed.
        """

    async def close(self) -> None:
        """Finish pending writes and disconnect; a closed database can be opened again."""

    async def schema(self) -> Schema:
        """The schema of the database, which is neither changed nor created, and need not be open.

        Raises StoreUnusable if it belongs to a newer version or to another program, and StoreUnavailable.
        """

    async def read(self, sql: str, *values: object) -> list[Row]:
        """Every row of a query, as of the last commit. Raises StoreUnavailable."""

    def write(self, work: Callable[[], Work[T]], keys: Sequence[str] = ()) -> Coroutine[Any, Any, T]:
        """Run an operation in one transaction; returns its result or raises its error, once its rows are on disk.

        A cancelled task may have written all of its rows or none, but never only some. Raises StoreError for rows that
        cannot be stored, and StoreUnavailable.

        Args:
            work: creates the generator; may be called again after a failed transaction.
            keys: names of all calls that it may touch. Work with keys is short, has priority and is grouped. Its
                statements that return rows are `Keyed` or an `Insert`; none is a `Many`.
        """

    async def trim(self) -> None:
        """Remove deleted rows from the write-ahead log too, as far as quickly possible."""

    async def copy_to(self, path: Path) -> None:
        """Write a snapshot (`app.store.copies`) to the new file `path`, while servers run.

        The database need not be open. Raises StoreError.
        """

    async def require_unused(self) -> None:
        """Raise StoreUnavailable while a server has it open; may raise StoreError. It must not be open here."""

    async def replace_by(self, path: Path) -> None:
        """Replace everything with a checked copy, atomically. The database must not be open.

        Raises StoreUnavailable while a server has it open, and StoreError.
        """

    async def purge(self, *, rewrite: bool) -> bool | None:
        """Remove deleted data from the files, too; `rewrite` rewrites all data, and blocks writers in the meantime.

        Returns whether it is done: False while another program prevents it, None if deleted rows stay in the files
        until their space is reused.
        """

    def reading(self) -> AbstractAsyncContextManager[tuple[Read, Schema]]:
        """A reader with its own connection, and its schema; this database need not be open.

        Raises StoreUnusable for a database that is not ours or unreadable by this version.
        """


@dataclass(slots=True, eq=False)
class WriteItem:
    """A queued write operation, and the task that awaits it."""

    work: Callable[[], Work[Any]]
    done: asyncio.Future[Any]
    keys: Sequence[str]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Wake the task in its own loop with the result or the error, unless it was cancelled."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)
            self.done.exception()  # mark it as seen: a task that is just being cancelled never reads it


class GroupWriter(ABC):
    """Commits operations in groups: while one group waits for the disk, the next one collects.

    A group starts after all ready tasks have run, so it contains all their writes.

    Args:
        label: names the database in messages.
        queue_limit: maximum number of waiting writes; more are refused, since they would miss the caller's deadline.
    """

    def __init__(self, label: str, queue_limit: int) -> None:
        self.label = label
        self.queue: deque[WriteItem] = deque()
        self._queue_limit = queue_limit
        self._task: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[], Work[T]], keys: Sequence[str]) -> T:
        """Write an operation as part of a group; returns its result or raises its error after the commit."""
        if len(self.queue) >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self.label} are already waiting")
        item = WriteItem(work, asyncio.get_running_loop().create_future(), keys)
        self.queue.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"writer of {self.label}")
        try:
            result: T = await item.done
        except asyncio.CancelledError as error:
            raise error from store_wait(self.label)
        return result

    async def close(self) -> None:
        """Write the queue."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    @abstractmethod
    def next_group(self) -> list[WriteItem]:
        """Take operations from the head of the queue."""

    @abstractmethod
    async def commit(self, group: list[WriteItem]) -> None:
        """Write operations in one transaction and settle them. Never raises."""

    async def _run(self) -> None:
        group: list[WriteItem] = []
        try:
            while self.queue:
                group = [item for item in self.next_group() if not item.done.cancelled()]
                if group:
                    await self.commit(group)
        finally:
            for item in (*group, *self.queue):  # if the event loop stops, no task may wait forever
                if not item.done.done():
                    item.error = item.error or StoreUnavailable(f"{self.label} is not open")
                    item.settle()


def contains(column: str, value: str) -> str:
    """The condition that a text or binary column contains a value."""
    return f'"position"({column}, {value}) > 0'


def has_word(column: str, word: str) -> str:
    """The condition that a binary column contains a word; ASCII letters match in upper or lower case.

    A column may hold bytes that are no text, so that they are encoded instead of decoded.
    """
    return contains(
        f"lower(encode({column}, 'escape') COLLATE \"C\")", f"lower(encode({word}, 'escape') COLLATE \"C\")"
    )


def store_wait(label: str) -> StoreUnavailable:
    """The cause of a cancellation while a task was waiting for the store; `is_store_wait` finds it."""
    return StoreUnavailable(f"{label} has not answered yet")


def is_store_wait(error: BaseException | None) -> bool:
    """Whether `error` cancelled a task that was waiting for the store."""
    return error is not None and isinstance(error.__cause__, StoreUnavailable)
