"""The interface of the SQLite and PostgreSQL databases, which run the store's operations in transactions.

An operation is a generator that yields statements and receives their rows:

    def sent(id_, now):
        for (session,) in (yield DELETE_HOOK, (id_,)):
            yield FREE_NEXT, (now, session)

It raises StoreError only before it has written anything.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

from ncco_server.errors import StoreUnavailable
from ncco_server.store.rows import Schema
from ncco_server.store.sql import Sql

Row: TypeAlias = tuple[Any, ...]


class Many(NamedTuple):
    """A statement that runs once for each row of values."""

    sql: Sql
    rows: Sequence[Sequence[Any]]


class Keyed(NamedTuple):
    """A statement whose result rows each start with the first of its `values`.

    In grouped operations, only `Keyed` and `Insert` statements may return rows.
    """

    sql: Sql
    values: Sequence[Any]


class Insert(NamedTuple):
    """An INSERT of one row. The result is its first value and its key, or nothing if the row existed.

    In SQLite, RETURNING would make it 50% slower.
    """

    sql: Sql
    values: Sequence[Any]


Statement: TypeAlias = tuple[Sql, Sequence[Any]] | Keyed | Many | Insert

T = TypeVar("T")
Work: TypeAlias = Generator[Statement, list[Row], T]


P = ParamSpec("P")
Owner = TypeVar("Owner", bound="InDatabase")


class Read(Protocol):
    """Reads a database, even while servers write to it; queries may take long."""

    async def __call__(self, sql: Sql, *values: object) -> list[Row]: ...


class RowReader:
    """Reads rows, each as an object."""

    def __init__(self, read: Read) -> None:
        self.read = read

    async def one(self, make: Callable[[Row], T], sql: Sql, *values: object) -> T | None:
        """The first row, if there is any."""
        rows = await self.read(sql, *values)
        return make(rows[0]) if rows else None

    async def all(self, make: Callable[[Row], T], sql: Sql, *values: object) -> list[T]:
        return [make(row) for row in await self.read(sql, *values)]

    async def is_any(self, sql: Sql, *values: object) -> bool:
        """Whether `SELECT EXISTS (..)` finds a row."""
        return bool((await self.read(sql, *values))[0][0])


class InDatabase(RowReader):
    """Operations on an open database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.read)
        self.database = database


def in_one_transaction(
    work: Callable[Concatenate[Owner, P], Work[T]],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, T]]:
    @wraps(work)
    async def write(owner: Owner, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await owner.database.write(partial(work, owner, *args, **kwargs))

    return write


QUEUE_LIMIT: Final = 2_000
"""More waiting writes would miss the callers' deadlines."""

SHORTEST_REST_S: Final = 0.02
"""Longer than the pause between two attempts to write to a busy SQLite file."""


async def give_way(began: float, factor: float = 1.0, shortest_s: float = SHORTEST_REST_S) -> None:
    """Let calls use the database: rest `factor` times as long as has passed since `began` (`time.monotonic`)."""
    await asyncio.sleep(max(shortest_s, factor * (time.monotonic() - began)))


class StoreFault(NamedTuple):
    """A problem and its fix, which continue a sentence that starts with the database's name."""

    message: str
    cure: str


class Database(Protocol):
    """Runs the store's reads and writes. Every method may raise StoreUnavailable.

    `label` contains neither user nor password; `path` is the file of a SQLite database; `is_durable` data outlives the
    process.
    """

    label: str
    path: Path | None
    is_durable: bool

    async def open(self) -> None:
        """Connect, migrate to the newest schema, and check that the database is writable. Raises StoreUnusable."""

    async def close(self) -> None:
        """A closed database can be opened again."""

    async def schema(self) -> Schema:
        """The database need not be open.

        Raises StoreUnusable if its schema is too new or another program's.
        """

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        """Read as of the last commit."""

    def write(
        self, work: Callable[[], Work[T]], keys: Sequence[str] = (), *, is_long: bool = False, is_flushed: bool = True
    ) -> Coroutine[Any, Any, T]:
        """Run an operation in one transaction; return its result or raise its error, once its rows are on disk.

        If the task is cancelled, all rows are written or none. Raises StoreError for rows that cannot be stored.

        Args:
            work: makes the generator; called again if the transaction is retried.
            keys: the sessions and legs of all calls it may touch, or the names of rows of tables. An operation with
                keys is short, has priority, is grouped, and must not contain `Many`.
            is_long: the same rows are kept from others, but it is run like an operation without keys.
            is_flushed: False for a long one whose rows may get to the disk with the next operation, so that calls need
                not wait for the disk because of it.
        """

    async def trim(self) -> None:
        """Remove deleted rows from the write-ahead log too, unless that would take too long."""

    async def require_unused(self) -> None:
        """Raise StoreUnavailable if a server has the database open, which this object must not."""

    async def replace_by(self, path: Path) -> None:
        """Atomically replace everything with a checked copy. Neither this object nor a server may have it open."""

    async def purge(self, *, rewrite: bool) -> bool | None:
        """Remove deleted data from the files too; `rewrite` rewrites everything, which blocks writers.

        Returns False if another program prevents that, and None if the data stays until its space is reused.
        """

    def reading(self) -> AbstractAsyncContextManager[Read]:
        """The reader has its own connection; the database need not be open.

        Raises StoreUnusable if this version cannot read it.
        """


@dataclass(slots=True, eq=False)
class WriteItem:
    """A write in the queue, and the task that awaits it."""

    work: Callable[[], Work[Any]]
    done: asyncio.Future[Any]
    keys: Sequence[str]
    is_flushed: bool = True
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Must run in the event loop of the waiting task."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)
            self.done.exception()  # mark it as seen: a cancelled task never reads it


class GroupWriter(ABC):
    """Commits operations in groups: while one group waits for the disk, the next one fills.

    A group starts once all ready tasks have run, so it contains their writes.
    """

    def __init__(self, label: str, queue_limit: int) -> None:
        self.label = label
        self.queue: deque[WriteItem] = deque()
        self._queue_limit = queue_limit
        self._task: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[], Work[T]], keys: Sequence[str], *, is_flushed: bool = True) -> T:
        if len(self.queue) >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes to {self.label} are already waiting")
        item = WriteItem(work, asyncio.get_running_loop().create_future(), keys, is_flushed)
        self.queue.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"writer of {self.label}")
        try:
            result: T = await item.done
        except asyncio.CancelledError as error:
            raise error from store_wait(self.label)
        return result

    async def close(self) -> None:
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    @abstractmethod
    def next_group(self) -> list[WriteItem]: ...

    @abstractmethod
    async def commit(self, group: list[WriteItem]) -> None:
        """Pass on the results of one transaction. Never raises."""

    async def _run(self) -> None:
        group: list[WriteItem] = []
        try:
            while self.queue:
                group = [item for item in self.next_group() if not item.done.cancelled()]
                if group:
                    await self.commit(group)
        finally:
            for item in (*group, *self.queue):  # if the event loop stops, tasks must not wait forever
                if not item.done.done():
                    item.error = item.error or not_open(self.label)
                    item.settle()


def not_open(label: str) -> StoreUnavailable:
    return StoreUnavailable(f"{label} is not open")


def store_wait(label: str) -> StoreUnavailable:
    """The cause of a CancelledError while a task waits for the store."""
    return StoreUnavailable(f"{label} has not answered yet")


def is_store_wait(error: BaseException | None) -> bool:
    return error is not None and isinstance(error.__cause__, StoreUnavailable)
