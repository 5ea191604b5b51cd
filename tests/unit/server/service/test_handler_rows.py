"""Handlers that read and change tables: turns that were not stored, and functions that do not run twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from textwrap import dedent
from typing import Any

import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.lookups import LookupClient, lookups_of_turn
from ncco_server.store import SqliteDatabase, Store
from ncco_server.table_rows import RowChange
from tests.unit.server.service.asking import PATIENCE_MS
from tests.unit.server.service.served_call import POLICY, ServedCall

SHARED = """
shared: true
tables:
  callers: {key: {number: phone}, columns: {name: text, calls: int}}
  slots: {key: {slot: text}, columns: {by: phone}}
"""
SHOP = """
from ncco_server import Call, Choice, call_flow

BOOKED = []

def book(slot: str, name: str) -> str:
    BOOKED.append(name)
    return f"{slot} for {name}, as number {len(BOOKED)}"

@call_flow(default=True)
async def shop(call: Call) -> None:
    before = await call.row("callers", number=call.person)
    await call.save("callers", number=call.person, increase={"calls": 1})
    after = await call.row("callers", number=call.person)
    await call.talk(f"{before['calls']}, then {after['calls']}.")
    choice = await call.choose("Press a key.", {"book": Choice(1), "take": Choice(2)}, tries=1)
    if choice == "book":
        row = await call.row("callers", number=call.person)
        await call.talk(await call.run(book, "table", row["name"]))
        await call.talk(await call.run(book, "chair", row["name"]))
    elif choice == "take":
        is_mine = await call.save("slots", slot="noon", set={"by": call.person}, only_new=True)
        await call.talk("It is yours." if is_mine else "It is taken.")
"""
ADA = 'callers["447700900123"]'


class DyingStore(Store):
    """Fails to store the next turn if it `dies`, as if the process had died first."""

    dies = False

    async def advance(self, *args: Any, **kwargs: Any) -> None:
        dies, self.dies = self.dies, False
        if dies:
            raise StoreUnavailable("it has died")
        await super().advance(*args, **kwargs)


@pytest.fixture
async def store() -> AsyncIterator[DyingStore]:
    async with DyingStore(SqliteDatabase()) as opened:
        yield opened


@pytest.fixture
def project() -> Project:
    texts = {"flows/shop.py": dedent(SHOP), "flows/shared.yaml": SHARED}
    found = load(texts, {}, extent="project", handlers=["shop.py"])
    assert not found.has_errors, found.issues
    return found


@pytest.fixture
async def service(store: DyingStore, project: Project, client: LookupClient) -> CallService:
    service = CallService(store, lambda: project, POLICY, look_ups=lambda: lookups_of_turn(client.answer, PATIENCE_MS))
    await service.library.reload()
    return service


async def rows(store: Store, table: str) -> dict[str, Any]:
    return {row.name: row.columns for row in await store.tables.of_table(table)}


async def save(store: Store, row: str, **columns: Any) -> None:
    await store.tables.change([RowChange(row, columns)], 0, "a test")


async def test_a_turn_that_was_not_stored_changes_its_rows_once(store: DyingStore, service: CallService) -> None:
    call = ServedCall(service)
    await call.ring()
    store.dies = True
    with pytest.raises(StoreUnavailable):
        await call.press("2")
    assert {} == await rows(store, "slots")
    await call.press("2")
    assert ["It is yours."] == call.said
    assert {'slots["noon"]': {"by": "447700900123"}} == await rows(store, "slots")


async def test_a_function_does_not_run_again_because_a_row_was_changed_before_the_webhook_is_repeated(
    store: DyingStore, service: CallService, project: Project
) -> None:
    handler: Any = project.flows["shop"].handler
    await save(store, ADA, name="Ada")
    call = ServedCall(service)
    await call.ring()
    store.dies = True
    with pytest.raises(StoreUnavailable):
        await call.press("1")
    await save(store, ADA, name="Bob")
    await call.press("1")
    assert ["table for Ada, as number 1", "chair for Ada, as number 2"] == call.said
    assert ["Ada", "Ada"] == handler.flow.function.__globals__["BOOKED"]
