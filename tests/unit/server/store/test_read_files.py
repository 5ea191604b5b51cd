"""Reading the calls of a SQLite file that another process writes, or of another kind of file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from ncco_server.errors import StoreUnavailable, StoreUnusable
from ncco_server.store import SqliteDatabase, Store
from ncco_server.store.records import NEAR
from ncco_server.store.sql import Sql
from tests.support.stored_rows import new_call, webhook_row


def prepared(path: Path, *statements: str) -> Store:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return Store(SqliteDatabase(path, busy_ms=50))


async def refusal(store: Store) -> StoreUnusable:
    with pytest.raises(StoreUnusable) as refused:
        await found(store)
    return refused.value


async def found(store: Store) -> list[str]:
    """The IDs of its calls."""
    async with store.records() as records:
        return [call.session.id for call in await records.calls(10)]


def test_a_missing_file_is_not_created(path: Path) -> None:
    refused = asyncio.run(refusal(Store(SqliteDatabase(path))))

    assert f"there is no database at {path}" == str(refused)
    assert not path.exists()


def test_a_moved_file_whose_log_stayed_is_distinguished_from_one_that_never_existed(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(b"calls")

    with pytest.raises(StoreUnavailable, match="contains calls of a database that is not next to it"):
        asyncio.run(found(Store(SqliteDatabase(path))))
    assert b"calls" == log.read_bytes()


def test_empty_file_stays_empty(path: Path) -> None:
    path.touch()

    assert f"{path} is empty" == str(asyncio.run(refusal(Store(SqliteDatabase(path)))))
    assert b"" == path.read_bytes()


@pytest.mark.parametrize("schema", ["0001", "9999"])
async def test_a_file_of_another_schema_is_refused_and_left_unchanged(schema: str, path: Path) -> None:
    store = prepared(path, "CREATE TABLE ncco_schema (version_num TEXT)")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO ncco_schema VALUES (?)", (schema,))
    connection.close()

    refused = await refusal(store)

    assert f"has tables of another version, {schema}" in str(refused)
    assert refused.cure


async def test_a_file_locked_by_another_program_is_unavailable(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await found(Store(SqliteDatabase(path, open_wait_ms=50)))
    holder.close()


def test_reading_writes_nothing(path: Path) -> None:
    async def write() -> None:
        store = Store(SqliteDatabase(path))
        await store.open()
        await store.open_call(*new_call("leg-1"))
        await store.close()

    asyncio.run(write())
    before = path.read_bytes()

    assert ["leg-1"] == asyncio.run(found(Store(SqliteDatabase(path))))
    assert before == path.read_bytes()


async def test_webhooks_far_from_the_call_are_not_searched(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.record(webhook_row("leg-1", status="started"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE webhooks SET key = 1")
    connection.execute(
        "INSERT INTO webhooks SELECT ?, NULL, 'x', 'event', '', -1, -1, '', '', '', 'POST', 0, x''", (NEAR + 5,)
    )
    connection.commit()
    connection.close()
    await store.open_call(*new_call("leg-1"))

    async with store.records() as records:
        timeline = await records.timeline("leg-1")
    await store.close()

    assert timeline is not None
    assert (webhook_row("leg-1"),) == timeline.webhooks


COUNT_FOR_A_WHILE = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000000)
    SELECT max(n) FROM numbers
"""


async def test_connection_of_a_cancelled_query_is_closed_when_the_query_has_ended(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.open()
    is_reading = asyncio.Event()

    async def count() -> None:
        async with database.reading() as read:
            await read(Sql("SELECT 1"))
            is_reading.set()
            await read(Sql(COUNT_FOR_A_WHILE))

    task = asyncio.create_task(count())
    await is_reading.wait()
    await asyncio.sleep(0)  # so that the second query begins
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in threading.enumerate():
        if thread.name == f"closes {path}":
            await asyncio.to_thread(thread.join)
    async with database.reading() as read, database.reading() as unused:
        assert [(0,)] == await read(Sql("SELECT count(*) FROM calls"))
    for late in (read, unused):
        with pytest.raises(StoreUnavailable):
            await late(Sql("SELECT 1"))
    await database.close()
