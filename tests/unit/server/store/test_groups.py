"""Writes that wait for a commit share the next one, and none affects another."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ncco_server.errors import AlreadyOpen, Conflict, StoreError, StoreUnavailable
from ncco_server.store import Caused, SqliteDatabase, Store
from ncco_server.store.address import read_address
from ncco_server.store.database import Database
from ncco_server.store.postgres import PostgresDatabase
from tests.support import postgres_server
from tests.support.postgres_stores import ask, empty_database
from tests.support.stored_rows import hook_row, new_call, next_turn, rows_of, session_row, turn_row, webhook_row
from tests.unit.server.store.held_writes import WHAT_CALLS_HAVE, start, waits_in_postgres, waits_in_sqlite

QUEUE = 9


@dataclass(frozen=True)
class Stage:
    """A store whose writes can be blocked, and what another program reads."""

    store: Store
    held: Callable[[], AbstractContextManager[None]]
    rows: Callable[[str], list[tuple[Any, ...]]]

    async def start(self, *writes: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
        is_sqlite = isinstance(self.store.database, SqliteDatabase)
        return await start(waits_in_sqlite if is_sqlite else waits_in_postgres, *writes)


@pytest.fixture(params=["sqlite", "postgres"])
async def stage(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Stage]:
    is_sqlite = request.param == "sqlite"

    @contextmanager
    def locked_file() -> Iterator[None]:
        other = sqlite3.connect(path, isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")
        other.close()

    def locked_table() -> AbstractContextManager[None]:
        return postgres_server.shared_server().locked(postgres_server.shared_database(), "webhooks")

    database: Database = (
        SqliteDatabase(path, busy_ms=30_000, queue_limit=QUEUE)
        if is_sqlite
        else PostgresDatabase(read_address(empty_database()), queue_limit=QUEUE)
    )
    async with Store(database) as store:
        yield Stage(
            store, locked_file if is_sqlite else locked_table, lambda sql: rows_of(path, sql) if is_sqlite else ask(sql)
        )


async def test_a_refused_operation_leaves_no_trace_and_the_others_in_its_group_are_written(stage: Stage) -> None:
    store = stage.store
    session, turn, webhook = next_turn("leg-1", 1)
    with stage.held():
        begun = await stage.start(
            store.record(webhook_row("")),
            store.open_call(*new_call("leg-1")),
            store.open_call(*new_call("leg-1")),
            store.advance(session, turn_row("leg-1", 0), webhook),
            store.open_call(session_row("huge", created_at=2**70), turn_row("huge"), webhook_row("huge")),
            store.advance(session, turn, webhook),
            store.advance(session, turn, webhook),
            store.record(webhook_row("leg-1", 0, 0, "last"), Caused(hooks=[hook_row("h1", created_at=2**70)])),
            store.record(webhook_row("leg-1", 0, 0, "last"), Caused(hooks=[hook_row("h2")])),
        )
        assert not any(write.done() for write in begun)
    results = await asyncio.gather(*begun, return_exceptions=True)

    none = type(None)
    assert [none, bool, AlreadyOpen, Conflict, StoreError, none, Conflict, StoreError, none] == [
        type(result) for result in results
    ]
    assert session == await store.load("leg-1")
    assert b"ncco leg-1 1" == await store.reply("leg-1", 0, 0, "")
    assert await store.load("huge") is None
    assert ["h2"] == [hook.id for hook in await store.hooks.first(9)]
    assert ((0, ""), (0, "last")) == await store.statuses("leg-1", 0)


async def test_an_operation_that_raises_leaves_no_trace_and_the_others_in_its_group_are_written(stage: Stage) -> None:
    store = stage.store
    odd = [None]  # no hook: the error comes after the first rows of the call
    with stage.held():
        begun = await stage.start(
            store.record(webhook_row("")),
            store.open_call(*new_call("a")),
            store.open_call(*new_call("odd"), Caused(hooks=odd)),  # type: ignore[arg-type]  # a bug of our own
            store.open_call(*new_call("b")),
        )
    results = await asyncio.gather(*begun, return_exceptions=True)

    assert [type(None), bool, AttributeError, bool] == [type(result) for result in results]
    assert [("a", 1, 1), ("b", 1, 1)] == stage.rows(WHAT_CALLS_HAVE)


async def test_cancelled_writes_are_complete_or_missing_and_affect_no_other(stage: Stage) -> None:
    with stage.held():
        first, second, third = await stage.start(*(stage.store.open_call(*new_call(id_)) for id_ in "abc"))
        first.cancel()
        second.cancel()
    await third
    await stage.store.check()

    assert first.cancelled()
    assert [("a", 1, 1), ("c", 1, 1)] == stage.rows(WHAT_CALLS_HAVE)


async def test_full_queue_refuses_at_once(stage: Stage) -> None:
    with stage.held():
        begun = await stage.start(*(stage.store.record(webhook_row()) for _ in range(QUEUE + 1)))

        with pytest.raises(StoreUnavailable, match=rf"{QUEUE} writes to .* are already waiting"):
            await stage.store.record(webhook_row())

    await asyncio.gather(*begun)
    await stage.store.record(webhook_row())

    assert [(QUEUE + 2,)] == stage.rows("SELECT count(*) FROM webhooks")
