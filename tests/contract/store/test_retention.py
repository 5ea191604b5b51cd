"""What a store deletes: a number with all its calls, and what is old."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.store import Forgotten, SqliteDatabase, Store
from app.store.retention import Numbers, sweep
from app.store.sqlite_file import run
from tests.contract.store.stored_rows import NOON_MS, hook_row, new_call, next_turn, revision_row, turn_row, webhook_row

NUMBER = "447700900123"
OTHER = "447700900999"
DAY_MS = 86_400_000


async def write_calls(store: Store) -> None:
    """A call of the number, one that dialled it, one whose webhook names it, one that has nothing to do with it."""
    await store.open_call(*new_call("from", state=b'{"from": "447700900123"}', is_over=True), hooks=[hook_row("h1")])
    await store.open_call(*new_call("dialled"), hooks=[hook_row("h2", session="dialled")])
    session, _, webhook = next_turn("dialled", 1)
    await store.advance(session, turn_row("dialled", 1, ncco=b'[{"number": "447700900123"}]'), webhook)
    await store.open_call(*new_call("told"))
    await store.record(webhook_row("told", 0, 0, "busy", body=b"to=%2B447700900123&status=busy"))
    await store.open_call(*new_call("other", state=b'{"from": "447700900999"}'))
    await store.record(webhook_row("", leg="leg-9", conversation="CON-9", body=b'{"to":"00447700900123"}'))
    await store.record(webhook_row("", leg="from", conversation="", body=b'{"status":"completed"}'))
    await store.record(webhook_row("", leg="", conversation="CON-told", body=b'{"recording_url":"https://x"}'))
    await store.record(webhook_row("", leg="leg-8", conversation="CON-8", body=b'{"to":"4477009001234"}'))


async def test_every_call_that_names_the_number_is_forgotten(store: Store) -> None:
    await write_calls(store)
    gone = await store.forget([NUMBER])

    assert Forgotten(calls=3, running=2, turns=4, webhooks=8, hooks=1) == gone._replace(hooks=1, purged=None)
    assert [None, None, None] == [await store.load(id_) for id_ in ("from", "dialled", "told")]
    assert await store.load("other") is not None
    assert None is await store.reply("dialled", -1, -1, None)
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_the_hooks_of_a_forgotten_call_are_never_sent(store: Store) -> None:
    await store.open_call(
        *new_call("leg-1", state=NUMBER.encode()), hooks=[hook_row("of the call"), hook_row("behind it")]
    )
    await store.open_call(*new_call("leg-2"), hooks=[hook_row("tells it", session="leg-2", body=NUMBER.encode())])
    await store.open_call(*new_call("leg-3"), hooks=[hook_row("another", session="leg-3")])
    gone = await store.forget([NUMBER])

    assert (1, 3) == (gone.calls, gone.hooks)
    assert ["another"] == [hook.id for hook in await store.hooks(10)]


async def test_a_hook_behind_one_that_is_forgotten_is_due(store: Store) -> None:
    hooks = [hook_row("names it", body=NUMBER.encode()), hook_row("behind it"), hook_row("last")]
    await store.open_call(*new_call("leg-1"), hooks=hooks)
    gone = await store.forget([NUMBER])

    assert (0, 1) == (gone.calls, gone.hooks)
    assert ["behind it"] == [hook.id for hook in await store.claim_hooks(NOON_MS, NOON_MS + 1, 10)]


async def test_a_dry_run_counts_and_deletes_nothing(store: Store) -> None:
    await write_calls(store)
    counted = await store.forget([NUMBER], dry_run=True)

    assert await store.load("from") is not None
    assert counted == (await store.forget([NUMBER]))._replace(purged=None)


async def test_several_numbers_are_forgotten_at_once(store: Store) -> None:
    await write_calls(store)

    assert 4 == (await store.forget([NUMBER, OTHER])).calls


async def test_a_revision_that_names_the_number_is_told_and_stays(store: Store) -> None:
    await store.save_revisions([revision_row(sources=b'{"a.yaml": "connect: 447700900123"}')])
    gone = await store.forget([NUMBER])

    assert (1, 0) == (gone.revisions, gone.calls)
    assert await store.revision("c0ffee") is not None


@pytest.mark.parametrize(
    "document",
    [
        b'{"from":"447700900123"}',
        b'{"from":"+447700900123"}',
        b'{"from":"00447700900123"}',
        b"from=447700900123&to=1",
        b"from=%2B447700900123",
        b"from=%20447700900123",
        b"from=%34%34%37%37%30%30%39%30%30%31%32%33",
        b'{"from":"\\u0034\\u00347700900123"}',
        b'{"from":"sip:447700900123@pbx.example.com"}',
    ],
)
def test_a_number_is_found_however_it_is_written(document: bytes) -> None:
    assert Numbers([NUMBER]).are_in(document)


@pytest.mark.parametrize("document", [b"", b"1447700900123", b"4477009001234", b"44770090012", b"447700%20900123"])
def test_another_number_is_not_taken_for_it(document: bytes) -> None:
    assert not Numbers([NUMBER]).are_in(document)


async def test_old_calls_go_little_by_little_with_all_that_is_theirs(store: Store) -> None:
    for number in range(5):
        await store.open_call(*new_call(f"old-{number}"), hooks=[hook_row(f"hook-{number}", session=f"old-{number}")])
    await store.open_call(*new_call("young", created_at=NOON_MS + DAY_MS, updated_at=NOON_MS + DAY_MS))

    assert [2 + 2, 2 + 2, 1 + 1, 0] == [await store.sweep(NOON_MS + 1, 2) for _ in range(4)]
    assert None is await store.load("old-4")
    assert await store.load("young") is not None


async def test_a_call_that_was_changed_lately_stays_whenever_it_began(store: Store) -> None:
    await store.open_call(*new_call("old", updated_at=NOON_MS + DAY_MS))
    await store.open_call(*new_call("older"))

    assert 1 == await store.sweep(NOON_MS + 1, 10)
    assert await store.load("old") is not None


async def test_old_webhooks_of_no_call_go(store: Store) -> None:
    await store.open_call(*new_call("leg-1", updated_at=NOON_MS + DAY_MS))
    await store.record(webhook_row("leg-1", 0, 0, "ringing"))
    await store.record(webhook_row(""))
    await store.record(webhook_row("", received_at=NOON_MS + DAY_MS))

    assert 1 == await store.sweep(NOON_MS + 1, 10)
    assert ((0, "ringing"),) == await store.statuses("leg-1", 0)


async def test_a_hook_behind_one_that_is_too_old_is_due(store: Store) -> None:
    hooks = [hook_row("old"), hook_row("young", created_at=NOON_MS + 1), hook_row("last", created_at=NOON_MS + 1)]
    await store.open_call(*new_call("leg-1", updated_at=NOON_MS + 1), hooks=hooks)

    assert 1 == await store.sweep(NOON_MS + 1, 10)
    assert ["young"] == [hook.id for hook in await store.claim_hooks(NOON_MS + 1, NOON_MS + 2, 10)]


async def test_old_webhooks_of_no_call_go_once_the_old_calls_are_gone(store: Store) -> None:
    for number in range(3):
        await store.open_call(*new_call(f"old-{number}"))
    await store.record(webhook_row(""))

    assert [2, 1 + 1, 0] == [await store.sweep(NOON_MS + 1, 2) for _ in range(3)]


async def steps_of_a_piece(path: Path, calls: int) -> int:
    """What SQLite does, in thousands of its steps, to delete two of so many old calls."""
    store = Store(SqliteDatabase(path))
    await store.open()
    hooks = [hook_row(f"hook-{number}", session=f"{number}") for number in range(calls)]
    await asyncio.gather(*(store.record(webhook_row(""), hooks=[hook]) for hook in hooks))
    await asyncio.gather(*(store.open_call(*new_call(f"old-{number}")) for number in range(calls)))
    await store.close()
    connection, steps = sqlite3.connect(path), list[int]()
    connection.set_progress_handler(lambda: steps.append(1), 1_000)  # what is None goes on
    run(connection, sweep(NOON_MS + 1, 2))
    connection.close()
    return len(steps)


async def test_a_piece_costs_the_same_however_much_is_too_old(tmp_path: Path) -> None:
    few, many = await steps_of_a_piece(tmp_path / "few.db", 100), await steps_of_a_piece(tmp_path / "many.db", 1_500)

    assert many <= few + 1


async def test_nothing_is_swept_where_nothing_is(store: Store) -> None:
    assert 0 == await store.sweep(NOON_MS, 10)
    assert 0 == await store.sweep_revisions(NOON_MS, ())


async def test_old_revisions_go_that_nobody_uses(store: Store) -> None:
    rows = [revision_row(hash_) for hash_ in ("used", "current", "unused")]
    await store.save_revisions([*rows, revision_row("young", created_at=NOON_MS + DAY_MS)])
    await store.open_call(*new_call("leg-1", revision="used"))

    assert 1 == await store.sweep_revisions(NOON_MS + 1, {"current"})
    assert None is await store.revision("unused")
    assert None not in [await store.revision(hash_) for hash_ in ("used", "current", "young")]


async def test_a_closed_store_forgets_nothing(closed_store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await closed_store.forget([NUMBER])
    with pytest.raises(StoreUnavailable):
        await closed_store.sweep(NOON_MS, 1)


# The bytes of a SQLite file


def bytes_of(path: Path) -> bytes:
    """Whatever stands in the file, in its log and in the index of that."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


async def test_no_byte_of_the_number_is_left_in_the_file(path: Path, sqlite_store: Store) -> None:
    for number in range(100):
        await sqlite_store.open_call(*new_call(f"leg-{number}", state=b'{"from": "4477009001%02d"}' % number))
    for turn in (1, 2, 3):
        for number in range(100):
            session, row, webhook = next_turn(f"leg-{number}", turn)
            state = b'{"from": "4477009001%02d", "more": "%s"}' % (number, b"x" * 400 * turn)
            await sqlite_store.advance(session._replace(state=state), row, webhook)
    before = bytes_of(path).count(NUMBER.encode())
    gone = await sqlite_store.forget([NUMBER])

    assert before > 0
    assert (1, True) == (gone.calls, gone.purged)
    assert 0 == bytes_of(path).count(NUMBER.encode())
    assert 0 < bytes_of(path).count(b"447700900124")


async def test_what_another_program_has_deleted_is_gone_once_the_file_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    store = Store(SqliteDatabase(path))
    await store.open()
    careless = sqlite3.connect(path, isolation_level=None)
    careless.execute("PRAGMA secure_delete = OFF")
    careless.execute("INSERT INTO probes VALUES (?)", (NUMBER.encode(),))
    careless.execute("DELETE FROM probes")
    careless.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    careless.close()
    await store.forget([NUMBER])
    kept = bytes_of(path).count(NUMBER.encode())
    gone = await store.forget([NUMBER], rewrite=True)
    await store.close()

    assert (1, True) == (kept, gone.purged)
    assert 0 == bytes_of(path).count(NUMBER.encode())


async def test_a_reader_that_holds_the_log_keeps_nobody_from_forgetting(path: Path, other: sqlite3.Connection) -> None:
    store = Store(SqliteDatabase(path, open_wait_ms=100))
    await store.open()
    await write_calls(store)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM calls").fetchone()
    gone = await store.forget([NUMBER])
    again = await store.forget([NUMBER], rewrite=True)
    other.execute("ROLLBACK")
    done = await store.forget([NUMBER])
    await store.close()

    assert (3, False, False, True) == (gone.calls, gone.purged, again.purged, done.purged)
    assert not re.search(rb"447700900123(?!4)", bytes_of(path))


async def test_what_was_swept_is_gone_from_file_and_log_while_the_store_is_open(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await write_calls(store)
    before = bytes_of(path).count(NUMBER.encode())
    while await store.sweep(NOON_MS + DAY_MS, 20):
        pass
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    after = bytes_of(path).count(NUMBER.encode())
    await store.open_call(*new_call("next"))
    found = await store.load("next")
    await store.close()

    assert before > 5
    assert 0 == after
    assert found is not None


async def test_a_log_that_cannot_be_cut_behind_a_sweep_is_cut_behind_the_next(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await write_calls(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchall()
    while await store.sweep(NOON_MS + DAY_MS, 20):
        pass
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    held = bytes_of(path).count(NUMBER.encode())
    reader.close()
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    after = bytes_of(path).count(NUMBER.encode())
    await store.close()

    assert held > 0
    assert 0 == after
