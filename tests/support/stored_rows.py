"""Rows for the tests of the store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ncco_server.store import (
    Caused,
    Conflict,
    EndOfCall,
    HookRow,
    PlacedRow,
    Records,
    ResultRow,
    RevisionRow,
    SessionRow,
    Store,
    TurnRow,
    WebhookRow,
    open_store,
)

NOON_MS = 1_772_625_600_000
NUMBER = "447700900123"
T = TypeVar("T")


def in_store(database: Path | str, work: Callable[[Store], Awaitable[T]]) -> T:
    """What `work` returns for the store of a SQLite file or a URL, which is open meanwhile."""

    async def run() -> T:
        async with open_store(database if isinstance(database, str) else f"sqlite:///{database}") as store:
            return await work(store)

    return asyncio.run(run())


def session_row(id_: str = "leg-1", **changes: Any) -> SessionRow:
    row = SessionRow(
        id=id_,
        leg=id_,
        conversation=f"CON-{id_}",
        flow="acme",
        revision="c0ffee",
        version=1,
        state=b'{"step": "menu"}',
        is_over=False,
        created_at=NOON_MS,
        updated_at=NOON_MS,
    )
    return row._replace(**changes)


def turn_row(session: str = "leg-1", number: int = 0, **changes: Any) -> TurnRow:
    row = TurnRow(
        session=session,
        number=number,
        ncco=f"ncco {session} {number}".encode("utf-8", "replace"),
        trace=b'["entered menu"]',
        inputs=b'{"now": 1}',
        webhook=f"webhook {session} {number}",
        cause_turn=number - 1,
        cause_wait=0 if number else -1,
        cause_status="",
        created_at=NOON_MS + number,
    )
    return row._replace(**changes)


def webhook_row(session: str = "leg-1", turn: int = -1, wait: int = -1, status: str = "", **changes: Any) -> WebhookRow:
    row = WebhookRow(
        id=f"webhook {session} {turn} {wait} {status}",
        kind="event",
        session=session,
        turn=turn,
        wait=wait,
        status=status,
        leg=session,
        conversation=f"CON-{session}",
        method="POST",
        body=b'{"status": "ringing"}',
        received_at=NOON_MS,
    )
    return row._replace(**changes)


def new_call(id_: str = "leg-1", **changes: Any) -> tuple[SessionRow, TurnRow, WebhookRow]:
    """The arguments of `open_call` for a new call."""
    return session_row(id_, **changes), turn_row(id_), webhook_row(id_)


def next_turn(id_: str, number: int) -> tuple[SessionRow, TurnRow, WebhookRow]:
    """The arguments of `advance` for turn `number` of a call in which nothing else happened."""
    session = session_row(id_, version=number + 1, state=f"state {number}".encode(), updated_at=NOON_MS + number)
    return session, turn_row(id_, number), webhook_row(id_, number - 1, 0)


async def end_call(store: Store, leg: str, webhook: WebhookRow, hooks: Sequence[HookRow] = ()) -> int:
    """End all open calls of a leg. Returns their number."""
    while True:
        calls = [EndOfCall(row.id, row.version, "inbound", NUMBER, "442079460000") for row in await store.calls_of(leg)]
        try:
            return len(await store.end(leg, calls, webhook, Caused(hooks=hooks)))
        except Conflict:
            continue


def revision_row(hash_: str = "c0ffee", **changes: Any) -> RevisionRow:
    return RevisionRow(hash_, "acme", b'{"flows/acme.yaml": "flow: acme"}', NOON_MS)._replace(**changes)


def hook_row(id_: str = "hook-1", **changes: Any) -> HookRow:
    row = HookRow(
        id=id_,
        session="leg-1",
        name="voicemail_saved",
        url="https://crm.example.com/voicemails",
        headers=b'{"X-Team": "sales"}',
        body=b'{"type": "voicemail_saved"}',
        created_at=NOON_MS,
        due_at=NOON_MS,
    )
    return row._replace(**changes)


def placed_row(**changes: Any) -> PlacedRow:
    """A waiting call that another program requested."""
    texts = dict.fromkeys(("id", "key", "digest", "owner", "batch", "outcome", "problem"), "")
    times = {"wanted_at": 0, "expires_at": None, "due_at": 0, "cancelled_at": None, "created_at": 0, "updated_at": 0}
    values: dict[str, Any] = {"flow": "reminder", "number": NUMBER, "params": '{"name": "Ada"}', "state": "waiting"}
    return PlacedRow(**(texts | times | values | {"chain": 0, "tries": 0, "origin": "cli"} | changes))


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read from the file like another program."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def run_in(path: Path, *statements: str) -> None:
    """Write to the file like another program."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


async def write_calls(store: Store) -> None:
    """A call from the number, one that dialled it, one whose webhook names it, and an unrelated one."""
    await store.open_call(
        *new_call("from", state=b'{"from": "447700900123"}', is_over=True), Caused(hooks=[hook_row("h1")])
    )
    await store.open_call(*new_call("dialled"), Caused(hooks=[hook_row("h2", session="dialled")]))
    session, _, webhook = next_turn("dialled", 1)
    await store.advance(session, turn_row("dialled", 1, ncco=b'[{"number": "447700900123"}]'), webhook)
    await store.open_call(*new_call("told"))
    await store.record(webhook_row("told", 0, 0, "busy", body=b"to=%2B447700900123&status=busy"))
    await store.open_call(*new_call("other", state=b'{"from": "447700900999"}'))
    await store.record(webhook_row("", leg="leg-9", conversation="CON-9", body=b'{"to":"00447700900123"}'))
    await store.record(webhook_row("", leg="from", conversation="", body=b'{"status":"completed"}'))
    await store.record(webhook_row("", leg="", conversation="CON-told", body=b'{"recording_url":"https://x"}'))
    await store.record(webhook_row("", leg="leg-8", conversation="CON-8", body=b'{"to":"4477009001234"}'))


async def results_of(records: Records, *ids: str) -> list[ResultRow]:
    """The results of calls, oldest first; without `ids`, of all calls."""
    return [row for row in await records.results_between(0, 1 << 40) if not ids or row.id in ids]
