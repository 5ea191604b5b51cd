from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from app.store.sqlite.checkpoints import AFTER_ITEMS, CHECKPOINT, EVERY_S
from app.store.sqlite.together import ROWS_AT_ONCE

from app.errors import AlreadyOpen, Conflict
from app.store import SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow
from tests.store.stored_rows import (
    FaultyConnection,
    faulty_connection,
    hook_row,
    new_call,
    next_turn,
    rows_of,
    turn_row,
    webhook_row,
)

MANY_ITEMS: Final = 6 * AFTER_ITEMS

STORED: Final = "SELECT id, (SELECT ncco FROM turns WHERE call_key = calls.key) FROM calls ORDER BY key"
SESSIONS: Final = "SELECT session FROM webhooks ORDER BY key"
TURNS_AFTER_THE_FIRST: Final = "SELECT call_key FROM turns WHERE number > 0 ORDER BY key"
TIED: Final = """
    SELECT (SELECT count(*) FROM turns JOIN calls ON calls.key = call_key
                                                     AND webhook = 'webhook ' || id || ' ' || number),
           (SELECT count(*) FROM webhooks JOIN calls ON calls.key = call_key AND calls.id = session)
"""


@pytest.mark.parametrize("count", [2, 3, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 200])
async def test_calls_of_one_moment_are_written_in_their_order_each_with_its_turn_and_webhook(
    path: Path, count: int
) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    kind.statements.clear()
    ids = [f"leg-{number}" for number in range(count)]
    await asyncio.gather(*(store.open_call(*new_call(id_)) for id_ in ids))
    statements = list(kind.statements)
    await store.close()

    assert ids == [id_ for id_, _ in rows_of(path, STORED)]
    assert [(count, count)] == rows_of(path, TIED)
    assert 8 >= len([sql for sql in statements if sql.startswith("INSERT")])


async def test_what_is_written_together_is_what_is_written_alone(path: Path, tmp_path: Path) -> None:
    together, alone = Store(SqliteDatabase(path)), Store(SqliteDatabase(tmp_path / "alone.db"))
    calls = [
        new_call("leg-1"),
        new_call("lég-2", is_over=True, leg="", conversation="", state=b"\x00\xff"),
        new_call("leg-3"),
    ]
    turns = [next_turn("leg-1", 1), changed(next_turn("lég-2", 1), leg="other", is_over=False, created_at=7)]
    webhooks = [webhook_row("leg-1"), webhook_row("of nobody"), webhook_row("")]
    await together.open()
    await asyncio.gather(*(together.open_call(*call) for call in calls))
    await asyncio.gather(*(together.advance(*turn) for turn in turns))
    await asyncio.gather(*(together.record(webhook) for webhook in webhooks))
    await together.close()
    await alone.open()
    parked = [hook_row(id="parked", session="", is_parked=True, due_at=None)]
    for call in calls:
        await alone.open_call(*call, hooks=parked)
        await alone.drop_hooks(None)
    for turn in turns:
        await alone.advance(*turn, hooks=parked)
        await alone.drop_hooks(None)
    for webhook in webhooks:
        await alone.record(webhook, hooks=parked)
        await alone.drop_hooks(None)
    await alone.close()

    assert everything(tmp_path / "alone.db") == everything(path)
    assert (3, 5, 8) == tuple(map(len, everything(path)))


def changed(turn: tuple[SessionRow, TurnRow, WebhookRow], **changes: Any) -> tuple[SessionRow, TurnRow, WebhookRow]:
    return (turn[0]._replace(**changes), *turn[1:])


def everything(path: Path) -> list[list[tuple[object, ...]]]:
    """Every row of the tables that an open call writes, with the types as stored."""
    columns = {
        "calls": "*, typeof(is_over), typeof(state)",
        "turns": "*, typeof(ncco)",
        "webhooks": "*, typeof(body)",
    }
    return [rows_of(path, f"SELECT {names} FROM {table} ORDER BY key") for table, names in columns.items()]  # noqa: S608 - constants


@pytest.mark.parametrize("count", [1, 5, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
async def test_turns_and_webhooks_of_one_moment_are_written_in_their_order(path: Path, count: int) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    ids = [f"leg-{number}" for number in range(count)]
    await asyncio.gather(*(store.open_call(*new_call(id_)) for id_ in ids))
    await asyncio.gather(*(store.advance(*next_turn(id_, 1)) for id_ in reversed(ids)))
    await asyncio.gather(*(store.record(webhook_row(id_)) for id_ in ids))
    await store.close()

    assert [(id_, 2) for id_ in ids] == rows_of(path, "SELECT id, version FROM calls ORDER BY key")
    assert [(key,) for key in range(count, 0, -1)] == rows_of(path, TURNS_AFTER_THE_FIRST)
    assert [*ids, *reversed(ids), *ids] == [id_ for (id_,) in rows_of(path, SESSIONS)]
    assert [(2 * count, 3 * count)] == rows_of(path, TIED)


async def test_turn_upon_another_version_is_refused_and_its_neighbours_are_written(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await asyncio.gather(*(store.open_call(*new_call(id_)) for id_ in "abc"))
    done = await asyncio.gather(
        store.advance(*next_turn("a", 1)),
        store.advance(*next_turn("b", 1)),
        store.advance(*next_turn("b", 1)),
        store.advance(*next_turn("b", 2)),
        store.advance(*next_turn("stranger", 1)),
        store.advance(*next_turn("c", 1)),
        return_exceptions=True,
    )
    await store.close()

    assert [None, None, Conflict, None, Conflict, None] == [result and type(result) for result in done]
    assert [("a", 2), ("b", 3), ("c", 2)] == rows_of(path, "SELECT id, version FROM calls ORDER BY key")
    assert [("a",), ("b",), ("b",), ("c",)] == rows_of(path, f"{SESSIONS} LIMIT -1 OFFSET 3")


async def test_second_opening_of_the_same_moment_is_refused_and_its_neighbours_are_written(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    done = await asyncio.gather(
        store.open_call(*new_call("a")),
        store.open_call(*new_call("b")),
        store.open_call(*new_call("a", flow="late")),
        store.open_call(*new_call("c")),
        return_exceptions=True,
    )
    await store.close()

    assert [None, None, AlreadyOpen, None] == [done[0], done[1], type(done[2]), done[3]]
    assert [("a", "acme"), ("b", "acme"), ("c", "acme")] == rows_of(path, "SELECT id, flow FROM calls ORDER BY key")
    assert [(3, 3)] == rows_of(path, TIED)


async def test_call_that_cannot_be_stored_fails_alone(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    done = await asyncio.gather(
        store.open_call(*new_call("a")),
        store.open_call(*new_call("b", created_at=2**63)),
        store.open_call(*new_call("c")),
        return_exceptions=True,
    )
    await store.close()

    assert [None, OverflowError, None] == [done[0], type(done[1]), done[2]]
    assert [("a",), ("c",)] == rows_of(path, "SELECT id FROM calls ORDER BY key")


async def test_half_a_character_is_stored_as_its_escape_beside_others(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await asyncio.gather(store.open_call(*new_call("a")), store.open_call(*new_call("b", conversation="\ud83d")))
    await store.close()

    assert [("CON-a",), ("\\ud83d",)] == rows_of(path, "SELECT conversation FROM calls ORDER BY key")


async def test_calls_with_hooks_and_foreign_webhooks_keep_their_place_among_others(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    session, turn, _ = new_call("c")
    await asyncio.gather(
        store.open_call(*new_call("a")),
        store.open_call(*new_call("b"), hooks=[hook_row(session="b")]),
        store.open_call(session, turn, webhook_row("")),
        store.open_call(*new_call("d")),
        store.record(webhook_row("d")),
    )
    hooks = await store.hooks(10)
    await store.close()

    assert ["b"] == [hook.session for hook in hooks]
    assert [("a",), ("b",), ("c",), ("d",)] == rows_of(path, "SELECT id FROM calls ORDER BY key")
    assert [(1,), (2,), (None,), (4,), (4,)] == rows_of(path, "SELECT call_key FROM webhooks ORDER BY key")


async def test_turn_that_names_another_call_goes_with_the_call_that_it_came_with(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    session, _, webhook = new_call("b")
    await asyncio.gather(store.open_call(*new_call("a")), store.open_call(session, turn_row("a"), webhook))
    await store.close()

    assert [("a", b"ncco a 0"), ("b", b"ncco a 0")] == rows_of(path, STORED)


async def test_log_is_written_back_and_begins_anew_while_calls_come_in(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    written = await write_until_the_log_begins_anew(store, path, kind)
    await store.close()

    assert any("wal_checkpoint" in sql for sql in kind.statements)
    assert 0 < written < MANY_ITEMS
    assert [(written,)] == rows_of(path, "SELECT count(*) FROM webhooks")


async def write_until_the_log_begins_anew(store: Store, path: Path, kind: type[FaultyConnection]) -> int:
    """How many items were written until the log was smaller than they are; MANY_ITEMS when it never was.

    A machine may be so busy that the thread gets no turn: each time it is due, the writing waits for it.
    """
    log, body = path.with_name(f"{path.name}-wal"), b"x" * 4_000
    for first in range(0, MANY_ITEMS, AFTER_ITEMS):
        await write(store, first, AFTER_ITEMS, body)
        if log.stat().st_size < first * len(body):
            return first + AFTER_ITEMS
        while kind.statements.count(CHECKPOINT) <= first // AFTER_ITEMS:  # noqa: ASYNC110 - a thread is waited for
            await asyncio.sleep(0.005)
        await asyncio.sleep(EVERY_S)
    return MANY_ITEMS


async def write(store: Store, first: int, count: int, body: bytes = b"") -> None:
    """Write `count` webhooks of as many legs at once."""
    await asyncio.gather(*(store.record(webhook_row(f"leg-{first + at}", body=body)) for at in range(count)))


async def test_checkpoint_that_fails_costs_no_call(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    kind.failing.add("PRAGMA wal_checkpoint")
    await write(store, 0, AFTER_ITEMS)
    await asyncio.sleep(EVERY_S)
    await write(store, AFTER_ITEMS, AFTER_ITEMS)
    await store.close()

    assert [(2 * AFTER_ITEMS,)] == rows_of(path, "SELECT count(*) FROM webhooks")
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")
