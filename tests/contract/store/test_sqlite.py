from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from app.store.sqlite.records import COUNT_OPEN
from app.store.sqlite.together import Advance, Opening, Record, Shared, with_views, write_together

from app.errors import AlreadyOpen, Conflict, StoreUnavailable
from app.store import SqliteDatabase, Store, hook_statements, statements
from tests.store.stored_rows import (
    FaultyConnection,
    faulty_connection,
    new_call,
    next_turn,
    rows_of,
    session_row,
    turn_row,
    webhook_row,
)

WHAT_CALLS_HAVE = """
    SELECT id,
           (SELECT count(*) FROM turns WHERE call_key = calls.key),
           (SELECT count(*) FROM webhooks WHERE call_key = calls.key)
    FROM calls
    ORDER BY key
"""
OPEN = "INSERT INTO temp.openings"
"""How the statement begins that writes new calls, one or many, and commits them."""

PEOPLE = tuple(f"leg-{number}" for number in range(8))


async def start(*writes: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    """Begin writes in this order, the first alone; the others wait for its commit and then share one."""
    first = asyncio.ensure_future(writes[0])
    await asyncio.sleep(0.1)
    others = [asyncio.ensure_future(write) for write in writes[1:]]
    await asyncio.sleep(0)
    return [first, *others]


# Durability


async def test_every_connection_is_synced_fully_and_checks_keys(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    await store.open_call(*new_call())
    await store.load("leg-1")

    assert {(2, 1, "wal")} == {settings(made) for made in kind.made[1:]}
    assert 3 == len(kind.made)

    await store.close()


def settings(connection: sqlite3.Connection) -> tuple[object, ...]:
    return tuple(
        connection.execute(f"PRAGMA {name}").fetchall()[0][0]
        for name in ("synchronous", "foreign_keys", "journal_mode")
    )


async def test_acknowledged_write_is_seen_by_another_process(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.open_call(*new_call("leg-1"))

    assert [("leg-1", "c0ffee", 0)] == rows_of(path, "SELECT id, revision, is_over FROM calls")
    assert [("webhook leg-1 0", 0)] == rows_of(path, "SELECT webhook, number FROM turns")
    assert [("leg-1", b'{"status": "ringing"}')] == rows_of(path, "SELECT session, body FROM webhooks")


async def test_webhook_of_no_call_keeps_the_session_that_it_named(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.record(webhook_row("stranger"))

    assert [(None, "stranger")] == rows_of(path, "SELECT call_key, session FROM webhooks")


async def test_check_leaves_nothing(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.check()

    assert [] == rows_of(path, "SELECT body FROM probes")


# Groups


async def test_writes_that_wait_for_a_commit_share_the_next_one(path: Path, other: sqlite3.Connection) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    await store.open_call(*new_call("before"))
    kind.statements.clear()
    other.execute("BEGIN IMMEDIATE")
    begun = await start(*(store.open_call(*new_call(id_)) for id_ in PEOPLE))
    other.execute("COMMIT")
    await asyncio.gather(*begun)

    assert [OPEN, OPEN] == [sql[: len(OPEN)] for sql in kind.statements]

    await store.close()


async def test_refused_items_leave_nothing_and_their_neighbours_stay(
    sqlite_store: Store, other: sqlite3.Connection
) -> None:
    session, turn, webhook = next_turn("leg-1", 1)
    other.execute("BEGIN IMMEDIATE")
    begun = await start(
        sqlite_store.check(),
        sqlite_store.open_call(*new_call("leg-1")),
        sqlite_store.open_call(*new_call("leg-1")),
        sqlite_store.advance(session, turn_row("leg-1", 0), webhook),
        sqlite_store.open_call(session_row("huge", created_at=2**70), turn_row("huge"), webhook_row("huge")),
        sqlite_store.advance(session, turn, webhook),
        sqlite_store.advance(session, turn, webhook),
        sqlite_store.record(webhook_row("leg-1", 0, 0, "last")),
    )
    other.execute("COMMIT")
    results = await asyncio.gather(*begun, return_exceptions=True)

    none = type(None)
    assert [none, none, AlreadyOpen, Conflict, OverflowError, none, Conflict, none] == [type(r) for r in results]
    assert session == await sqlite_store.load("leg-1")
    assert b"ncco leg-1 1" == await sqlite_store.reply("leg-1", 0, 0, "")
    assert ((0, ""), (0, "last")) == await sqlite_store.statuses("leg-1", 0)
    assert await sqlite_store.load("huge") is None


async def test_nobody_hears_of_a_write_before_its_commit(sqlite_store: Store, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    begun = await start(*(sqlite_store.open_call(*new_call(id_)) for id_ in PEOPLE))

    assert not any(write.done() for write in begun)
    assert await sqlite_store.load("leg-0") is None

    other.execute("COMMIT")
    await asyncio.gather(*begun)


@pytest.fixture
def kind() -> type[FaultyConnection]:
    return faulty_connection()


@pytest.mark.parametrize("failing", [("COMMIT",), ("BEGIN",), ("RELEASE",), ("COMMIT", "ROLLBACK")], ids=" ".join)
async def test_failed_commit_fails_the_whole_group_and_the_next_one_goes_through(
    path: Path, other: sqlite3.Connection, kind: type[FaultyConnection], failing: tuple[str, ...]
) -> None:
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    await store.open_call(*new_call("before"))
    other.execute("BEGIN IMMEDIATE")
    begun = await start(
        store.check(), store.open_call(*new_call("a")), store.open_call(*new_call("a")), store.record(webhook_row())
    )
    kind.failing.update(failing)
    other.execute("COMMIT")
    results = await asyncio.gather(*begun, return_exceptions=True)
    kind.failing.clear()

    assert [StoreUnavailable] * 3 == [type(result) for result in results[1:]]
    assert await store.load("a") is None

    await store.open_call(*new_call("a"))
    await store.close()

    assert [("before",), ("a",)] == rows_of(path, "SELECT id FROM calls ORDER BY key")
    assert 2 == len(rows_of(path, "SELECT id FROM webhooks"))
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")


async def test_fault_in_one_item_of_the_database_fails_the_group(path: Path, kind: type[FaultyConnection]) -> None:
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    kind.failing.add(OPEN)

    with pytest.raises(StoreUnavailable, match=r"calls\.db cannot be used \(disk I/O error\)"):
        await store.open_call(*new_call("leg-1"))

    kind.failing.clear()

    assert await store.load("leg-1") is None

    await store.close()


async def test_connection_without_its_views_is_not_kept(path: Path, kind: type[FaultyConnection]) -> None:
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    kind.failing.add("CREATE TEMP TRIGGER into_advances")

    with pytest.raises(StoreUnavailable, match=r"calls\.db cannot be used \(disk I/O error\)"):
        await store.open_call(*new_call("leg-1"))

    kind.failing.clear()
    await store.open_call(*new_call("leg-2"))
    await store.close()

    assert [("leg-2",)] == rows_of(path, "SELECT id FROM calls")


async def test_file_that_is_damaged_while_it_runs_is_unavailable(path: Path) -> None:
    store = await store_with_a_call(path)
    damage(path)

    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.load("leg-1")
    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.open_call(*new_call("leg-2"))

    await store.close()


def damage(path: Path) -> None:
    """Overwrite all pages but the first."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


# Waiting


async def test_full_queue_refuses_at_once(path: Path, other: sqlite3.Connection) -> None:
    store = Store(SqliteDatabase(path, queue_limit=2))
    await store.open()
    other.execute("BEGIN IMMEDIATE")
    begun = await start(store.check())
    begun += [asyncio.ensure_future(store.record(webhook_row())) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(StoreUnavailable, match=r"2 writes to .* are waiting already"):
        await store.record(webhook_row())

    other.execute("COMMIT")
    await asyncio.gather(*begun)
    await store.record(webhook_row())
    await store.close()

    assert [(3,)] == rows_of(path, "SELECT count(*) FROM webhooks")


async def test_cancelled_while_its_group_waits_for_the_lock_is_whole(
    sqlite_store: Store, other: sqlite3.Connection, path: Path
) -> None:
    other.execute("BEGIN IMMEDIATE")
    (first,) = await start(sqlite_store.open_call(*new_call("a")))
    first.cancel()
    other.execute("COMMIT")
    await sqlite_store.check()

    assert first.cancelled()
    assert [("a", 1, 1)] == rows_of(path, WHAT_CALLS_HAVE)


async def test_cancelled_before_its_turn_is_not_written(
    sqlite_store: Store, other: sqlite3.Connection, path: Path
) -> None:
    other.execute("BEGIN IMMEDIATE")
    first, second, third = await start(
        sqlite_store.check(), sqlite_store.open_call(*new_call("a")), sqlite_store.open_call(*new_call("b"))
    )
    second.cancel()
    other.execute("COMMIT")
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert [("b",)] == rows_of(path, "SELECT id FROM calls")


async def test_cancelled_while_it_is_committed_is_whole_and_disturbs_nobody(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    commit = kind.hold(OPEN)
    (first,) = await start(store.open_call(*new_call("a")))
    first.cancel()
    commit.set()
    await store.open_call(*new_call("b"))
    await store.close()

    assert first.cancelled()
    assert [("a", 1, 1), ("b", 1, 1)] == rows_of(path, WHAT_CALLS_HAVE)


async def test_group_whose_every_item_was_cancelled_writes_nothing(
    sqlite_store: Store, other: sqlite3.Connection, path: Path
) -> None:
    other.execute("BEGIN IMMEDIATE")
    first, second = await start(sqlite_store.check(), sqlite_store.open_call(*new_call("a")))
    second.cancel()
    other.execute("COMMIT")
    await first
    await sqlite_store.check()

    assert [] == rows_of(path, "SELECT id FROM calls")


async def test_locked_file_is_unavailable_after_a_bounded_wait_and_works_when_free(
    path: Path, other: sqlite3.Connection
) -> None:
    store = Store(SqliteDatabase(path, busy_ms=50))
    await store.open()
    other.execute("BEGIN IMMEDIATE")
    before = time.monotonic()

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await store.open_call(*new_call("leg-1"))

    assert 0.05 <= time.monotonic() - before < 10
    assert await store.load("leg-1") is None

    other.execute("COMMIT")
    await store.open_call(*new_call("leg-1"))

    assert session_row("leg-1") == await store.load("leg-1")

    await store.close()


async def test_read_waits_for_an_exclusive_lock_without_holding_up_the_loop(
    path: Path, other: sqlite3.Connection
) -> None:
    store = await store_with_a_call(path)
    lock_exclusively(other)
    reading = asyncio.ensure_future(store.load("leg-1"))
    await asyncio.sleep(0.05)

    assert not reading.done()

    other.close()

    assert session_row("leg-1") == await reading

    await store.close()


async def test_read_of_a_locked_file_is_unavailable_after_a_bounded_wait(path: Path, other: sqlite3.Connection) -> None:
    store = await store_with_a_call(path)
    lock_exclusively(other)

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await store.load("leg-1")

    other.close()
    await store.close()


async def test_records_that_are_closed_while_a_thread_counts_take_nothing_away_from_it(path: Path) -> None:
    store = await store_with_a_call(path)
    records, is_closed = store.records(), threading.Event()
    await records.open()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    busy = asyncio.ensure_future(asyncio.to_thread(is_closed.wait))
    counting = asyncio.ensure_future(records.count_open(0))
    await asyncio.sleep(0)
    await records.close()
    is_closed.set()

    assert await busy
    assert 1 == await counting

    await store.close()


async def test_calls_that_are_on_are_counted_by_their_index_alone(path: Path) -> None:
    store = await store_with_a_call(path)
    reading = sqlite3.connect(path)
    (plan,) = reading.execute(f"EXPLAIN QUERY PLAN {COUNT_OPEN}", (0,)).fetchall()
    reading.close()

    assert "SEARCH calls USING COVERING INDEX open_calls_by_beginning (created_at>?)" == plan[3]
    await store.close()


async def store_with_a_call(path: Path) -> Store:
    """A store that holds no lock yet, since it was just opened."""
    store = Store(SqliteDatabase(path, busy_ms=300))
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.close()
    await store.open()
    return store


def lock_exclusively(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


async def test_moved_file_takes_no_writes_until_it_is_back(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    away = path.with_name("away.db")
    path.rename(away)  # noqa: ASYNC240 - nothing else runs in this loop

    with pytest.raises(StoreUnavailable, match="moved or replaced"):
        await store.open_call(*new_call("leg-1"))
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await store.load("leg-1")

    away.rename(path)
    await store.open_call(*new_call("leg-1"))

    assert session_row("leg-1") == await store.load("leg-1")

    await store.close()


async def test_deleted_log_takes_no_writes_and_what_stood_in_it_is_there_after_a_restart(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.open_call(*new_call("leg-1"))
    path.with_name(f"{path.name}-wal").unlink()

    with pytest.raises(StoreUnavailable, match="log was deleted"):
        await store.open_call(*new_call("leg-2"))

    await store.close()
    await store.open()

    assert session_row("leg-1") == await store.load("leg-1")
    assert await store.load("leg-2") is None

    await store.open_call(*new_call("leg-2"))
    await store.close()


def test_loop_that_is_gone_does_not_stop_the_writer(path: Path, kind: type[FaultyConnection]) -> None:
    store = Store(SqliteDatabase(path, factory=kind))

    async def leave_a_write_behind() -> threading.Event:
        await store.open()
        commit = kind.hold(OPEN)
        await start(store.open_call(*new_call("a")))
        return commit

    async def go_on(commit: threading.Event) -> None:
        commit.set()
        await store.open_call(*new_call("b"))
        await store.close()

    asyncio.run(go_on(asyncio.run(leave_a_write_behind())))

    assert [("a",), ("b",)] == rows_of(path, "SELECT id FROM calls ORDER BY key")


# Speed that can be seen without a clock


@pytest.mark.parametrize(
    "sql",
    [
        statements.SELECT_CALL,
        statements.SELECT_CALLS_OF_LEG,
        statements.SELECT_REPLY,
        statements.SELECT_STATUSES,
        statements.SELECT_REVISION,
        statements.UPDATE_CALL,
        statements.END_CALLS,
        hook_statements.INSERT_HOOK,
        hook_statements.SELECT_DUE,
        hook_statements.SELECT_ANY_DUE,
        hook_statements.CLAIM_HOOK,
        hook_statements.FREE_NEXT,
        hook_statements.FAIL_HOOK,
        hook_statements.PARK_HOOK,
        hook_statements.PUT_OFF_HOOK,
        hook_statements.RETRY_HOOK,
        hook_statements.DROP_HOOK,
    ],
)
async def test_no_statement_reads_a_whole_table(sqlite_store: Store, other: sqlite3.Connection, sql: str) -> None:
    plan = other.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()

    assert [] == [step[3] for step in plan if "SCAN" in step[3] and "CONSTANT ROW" not in step[3]]
    assert any("SEARCH" in step[3] for step in plan)


async def test_what_many_writes_share_takes_no_more_steps_when_there_are_more_calls(
    sqlite_store: Store, path: Path
) -> None:
    steps = []
    for crowd in (range(10), range(10, 1_000)):
        await asyncio.gather(*(sqlite_store.open_call(*new_call(f"leg-{number}")) for number in crowd))
        steps.append([steps_of(path, work) for work in (Opening(*new_call("new")), Advance(*next_turn("leg-1", 1)))])
        steps[-1].append(steps_of(path, Record(webhook_row("leg-1"))))

    assert [pytest.approx(few, abs=20) for few in steps[0]] == steps[1]


def steps_of(path: Path, work: Shared) -> int:
    """How many instructions SQLite's machine takes for it; nothing stays written."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection = with_views(sqlite3.connect(path, isolation_level=None))
    connection.execute("BEGIN")
    connection.set_progress_handler(step, 1)
    write_together(connection, [work])
    connection.close()
    return count


async def test_turn_without_hooks_is_one_statement(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    await store.open_call(*new_call("before"))
    kind.statements.clear()
    await store.open_call(*new_call("leg-1"))
    await store.advance(*next_turn("leg-1", 1))
    await store.record(webhook_row("leg-1"))
    views = [re.findall(r"^INSERT INTO temp\.(\w+)", sql) for sql in kind.statements]
    await store.close()

    assert [["openings"], ["advances"], ["records"]] == views
