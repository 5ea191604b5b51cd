"""What a store shows of its calls."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from app.errors import StoreUnavailable, StoreUnusable
from app.store import CallFilter, Records, SqliteDatabase, Store
from app.store.records import FAILURE_IN_0_2, NEAR
from tests.contract.store.stored_rows import (
    NOON_MS,
    hook_row,
    new_call,
    next_turn,
    revision_row,
    session_row,
    turn_row,
    webhook_row,
)


async def ids(records: Records, limit: int = 10, before: int | None = None, **wanted: object) -> list[str]:
    return [call.session.id for call in await records.calls(limit, before, CallFilter(**wanted))]  # type: ignore[arg-type]  # names of fields


# Calls


async def test_calls_are_listed_newest_first_with_their_turns(store: Store, records: Records) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))
    await store.advance(*next_turn("leg-1", 1))

    newest, oldest = await records.calls(10)

    assert (session_row("leg-2"), 1, False) == (newest.session, newest.turns, newest.has_failed)
    assert (next_turn("leg-1", 1)[0], 2) == (oldest.session, oldest.turns)


async def test_list_goes_on_behind_a_key(store: Store, records: Records) -> None:
    for number in range(5):
        await store.open_call(*new_call(f"leg-{number}"))

    first = await records.calls(2)

    assert ["leg-4", "leg-3"] == [call.session.id for call in first]
    assert ["leg-2", "leg-1"] == await ids(records, 2, first[-1].key)


async def test_what_is_wanted_is_listed_alone(store: Store, records: Records) -> None:
    await store.open_call(*new_call("old", created_at=NOON_MS - 1))
    await store.open_call(*new_call("from", state=b'{"from_number":"447700900123"}'))
    await store.open_call(*new_call("other", flow="other"))
    await store.open_call(*new_call("over", is_over=True))
    failed = turn_row("failed", has_failed=True)
    await store.open_call(session_row("failed"), failed, webhook_row("failed"))

    assert ["from"] == await ids(records, number="447700900123")
    assert ["other"] == await ids(records, flow="other")
    assert ["failed", "over", "other", "from"] == await ids(records, since=NOON_MS)
    assert ["failed", "other", "from", "old"] == await ids(records, is_open=True)
    assert ["failed"] == await ids(records, has_failed=True)
    assert [] == await ids(records, has_failed=True, flow="other")
    assert ["failed"] == [call.session.id for call in await records.calls(9) if call.has_failed]


async def test_the_trace_of_a_turn_says_whether_it_failed_only_if_0_2_has_written_it(
    store: Store, records: Records
) -> None:
    trace = b"[{" + FAILURE_IN_0_2 + b"}]"
    for name, has_failed in (("failed", None), ("fine", False)):
        turn = turn_row(name, trace=trace, has_failed=has_failed)
        await store.open_call(session_row(name), turn, webhook_row(name))

    assert ["failed"] == await ids(records, has_failed=True)


async def test_open_calls_are_counted_that_began_since_a_moment(store: Store, records: Records) -> None:
    for place, (id_, is_over) in enumerate((("a", False), ("b", True), ("c", False), ("d", False))):
        await store.open_call(*new_call(id_, is_over=is_over, created_at=NOON_MS + place))
    all_, later = await records.count_open(0), await records.count_open(NOON_MS + 2)
    await store.end("c", webhook_row("c", kind="event"))

    assert (3, 2, 1, 0) == (all_, later, await records.count_open(NOON_MS + 2), await records.count_open(NOON_MS + 4))


async def test_open_calls_are_counted_by_their_revisions(store: Store, records: Records) -> None:
    for id_, flow, revision in (("a", "shop", "r1"), ("b", "shop", "r2"), ("c", "shop", "r2"), ("d", "acme", "r0")):
        await store.open_call(*new_call(id_, flow=flow, revision=revision))
    await store.open_call(*new_call("old", created_at=NOON_MS - 1))
    await store.open_call(*new_call("over", is_over=True))

    assert [("acme", "r0", 1), ("shop", "r2", 2), ("shop", "r1", 1)] == await records.open_revisions(NOON_MS)


async def test_traces_and_statuses_are_those_of_some_calls(store: Store, records: Records) -> None:
    for id_ in ("a", "b", "c"):
        await store.open_call(*new_call(id_))
        await store.record(webhook_row(id_, turn=0, wait=2, status="answered"))
    await store.advance(*next_turn("b", 1))
    a, b, c = sorted(call.key for call in await records.calls(9))

    assert [b, b, c] == sorted(key for key, _ in await records.traces(b, c))
    assert {turn_row("b").trace} <= {trace for _, trace in await records.traces(b, b)}
    assert [(a, 0, 2, "answered")] == await records.connect_statuses(a, a)


async def test_a_call_is_found_by_its_id_or_how_it_begins(store: Store, records: Records) -> None:
    for id_ in ("ab", "abc", "abc/shop", "b", "ü-1"):
        await store.open_call(*new_call(id_))

    assert ["abc"] == [call.session.id for call in await records.calls_like("abc", 9)]
    assert ["abc/shop"] == [call.session.id for call in await records.calls_like("abc/", 9)]
    assert ["ab", "abc"] == [call.session.id for call in await records.calls_like("a", 2)]
    assert ["ü-1"] == [call.session.id for call in await records.calls_like("ü", 2)]
    assert [] == await records.calls_like("x", 9)
    assert [] == await records.calls_like("", 9)


# Timelines


async def test_timeline_has_webhooks_turns_and_hooks_in_their_order(store: Store, records: Records) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))
    session, turn, webhook = next_turn("leg-1", 1)
    await store.advance(session, turn, webhook, hooks=[hook_row("a"), hook_row("parked", is_parked=True)])
    await store.record(webhook_row("leg-1", 1, 2, "ringing"), hooks=[hook_row("c")])

    timeline = await records.timeline("leg-1")

    assert timeline is not None
    assert session == timeline.call.session
    assert (turn_row("leg-1"), turn) == timeline.turns
    assert (webhook_row("leg-1"), webhook, webhook_row("leg-1", 1, 2, "ringing")) == timeline.webhooks
    assert ["parked", "a", "c"] == [hook.id for hook in timeline.hooks]


async def test_webhooks_before_the_call_was_opened_are_in_its_timeline(store: Store, records: Records) -> None:
    early = webhook_row("leg-1", status="started")
    await store.record(early)
    await store.record(webhook_row("leg-2", status="started"))
    await store.open_call(*new_call("leg-1"))

    timeline = await records.timeline("leg-1")

    assert timeline is not None
    assert (early, webhook_row("leg-1")) == timeline.webhooks


async def test_events_of_the_leg_are_in_the_timeline_of_a_call_to_a_named_flow(store: Store, records: Records) -> None:
    await store.open_call(session_row("leg-1/shop", leg="leg-1"), turn_row("leg-1/shop"), webhook_row("leg-1/shop"))
    ended = webhook_row("leg-1", status="completed")
    await store.end("leg-1", ended)

    timeline = await records.timeline("leg-1/shop")

    assert timeline is not None
    assert ended == timeline.webhooks[-1]


async def test_call_that_is_not_there_has_no_timeline(records: Records) -> None:
    assert await records.timeline("leg-1") is None


async def test_revisions_are_there_to_be_read(store: Store, records: Records) -> None:
    await store.save_revisions([revision_row("c0ffee")])

    assert revision_row("c0ffee") == await records.revision("c0ffee")
    assert await records.revision("decaf") is None


# A SQLite file


def prepared(path: Path, *statements: str) -> Records:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return Store(SqliteDatabase(path, busy_ms=50)).records()


async def refusal(records: Records) -> StoreUnusable:
    with pytest.raises(StoreUnusable) as refused:
        await records.open()
    return refused.value


def test_file_that_is_not_there_is_not_made(path: Path) -> None:
    refused = asyncio.run(refusal(Store(SqliteDatabase(path)).records()))

    assert f"there is no database at {path}" == refused.message
    assert not path.exists()


def test_moved_file_whose_log_stayed_is_told_from_one_that_never_was(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(b"calls")

    with pytest.raises(StoreUnavailable, match="holds calls of a database that is not beside it"):
        asyncio.run(Store(SqliteDatabase(path)).records().open())
    assert b"calls" == log.read_bytes()


def test_empty_file_stays_empty(path: Path) -> None:
    path.touch()

    assert f"{path} is empty" == asyncio.run(refusal(Store(SqliteDatabase(path)).records())).message
    assert b"" == path.read_bytes()


async def test_file_without_a_schema_is_empty(path: Path) -> None:
    records = prepared(path, "CREATE TABLE ncco_schema (version_num TEXT)")

    assert f"{path} is empty" == (await refusal(records)).message


async def test_file_of_another_program_is_refused(path: Path) -> None:
    records = prepared(path, "CREATE TABLE songs (name TEXT)")

    assert f"{path} belongs to another program: it has a table songs" == (await refusal(records)).message


@pytest.mark.parametrize(
    ("expected", "schema"),
    [
        ("has the old schema 0001", "0001"),
        ("has schema 9999, and this version knows none after", "9999"),
    ],
)
async def test_file_of_another_schema_is_refused_and_left_as_it_is(expected: str, schema: str, path: Path) -> None:
    records = prepared(path, "CREATE TABLE ncco_schema (version_num TEXT)")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO ncco_schema VALUES (?)", (schema,))
    connection.close()

    refused = await refusal(records)

    assert expected in refused.message
    assert refused.cure


def test_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, and long enough to be taken for one" * 20)

    assert "is not a SQLite database" in asyncio.run(refusal(Store(SqliteDatabase(path)).records())).message


async def test_file_that_another_program_holds_alone_is_not_available(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        await Store(SqliteDatabase(path, open_wait_ms=50)).records().open()
    holder.close()


async def test_records_that_are_not_open_cannot_be_read(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is not open"):
        await Store(SqliteDatabase(path)).records().calls(1)


def test_reading_writes_nothing(path: Path) -> None:
    async def write() -> None:
        store = Store(SqliteDatabase(path))
        await store.open()
        await store.open_call(*new_call("leg-1"))
        await store.close()

    async def read() -> list[str]:
        records = Store(SqliteDatabase(path)).records()
        await records.open()
        found = await ids(records)
        await records.close()
        return found

    asyncio.run(write())
    before = path.read_bytes()

    assert ["leg-1"] == asyncio.run(read())
    assert before == path.read_bytes()


async def test_webhooks_far_away_are_not_looked_for(path: Path) -> None:
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
    records = store.records()
    await records.open()

    timeline = await records.timeline("leg-1")
    await records.close()
    await store.close()

    assert timeline is not None
    assert (webhook_row("leg-1"),) == timeline.webhooks
