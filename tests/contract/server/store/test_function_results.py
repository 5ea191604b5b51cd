"""Results of functions of handlers in both databases, and in the memory of the process."""

from __future__ import annotations

import pytest

from ncco_server.store import Caused, FunctionResultRow, Sql, Store
from tests.support.stored_rows import NOON_MS, new_call, next_turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL = Sql("SELECT session, result FROM ncco_function_results")
NUMBER = "447700900123"
RESULT = FunctionResultRow("leg-1", 0, "shop.find:1", '["447700900123","",3]', NOON_MS)


async def test_a_result_is_kept_until_its_turn_is_stored(store: Store) -> None:
    assert await store.functions.get("leg-1", 0, "shop.find:1") is None
    await store.functions.add(RESULT)
    await store.functions.add(RESULT._replace(result="[2]"))
    assert RESULT.result == await store.functions.get("leg-1", 0, "shop.find:1")
    assert await store.functions.get("leg-1", 0, "shop.find:2") is None
    assert await store.functions.get("leg-1", 1, "shop.find:1") is None

    await store.open_call(*new_call("leg-1"), Caused(has_called=True))
    assert "" == await store.functions.get("leg-1", 0, "shop.find:1")
    await store.functions.add(RESULT)
    assert "" == await store.functions.get("leg-1", 0, "shop.find:1")
    assert [] == await store.database.read(ALL)

    await store.functions.add(RESULT._replace(turn=1))
    await store.advance(*next_turn("leg-1", 1), Caused(has_called=True))
    assert "" == await store.functions.get("leg-1", 1, "shop.find:1")


async def test_a_turn_without_functions_keeps_the_results_for_the_next_one_that_calls_some(store: Store) -> None:
    await store.functions.add(RESULT)
    await store.open_call(*new_call("leg-1"))
    assert "" == await store.functions.get("leg-1", 0, "shop.find:1")
    await store.functions.add(RESULT._replace(session="leg-2"))
    await store.advance(*next_turn("leg-1", 1), Caused(has_called=True))
    assert [("leg-2", RESULT.result)] == [*map(tuple, await store.database.read(ALL))]
    assert 0 == await store.sweep(NOON_MS, 10, NOON_MS)
    assert "" == await store.functions.get("leg-1", 0, "shop.find:1")


async def test_old_results_are_swept(store: Store) -> None:
    await store.functions.add(RESULT)
    await store.sweep(NOON_MS, 10, NOON_MS)
    assert RESULT.result == await store.functions.get("leg-1", 0, "shop.find:1")
    await store.sweep(NOON_MS + 1, 10, NOON_MS + 1)
    assert await store.functions.get("leg-1", 0, "shop.find:1") is None


async def test_a_number_in_a_result_is_forgotten_before_its_turn_is_stored(store: Store) -> None:
    await store.functions.add(RESULT)
    await store.functions.add(RESULT._replace(session="leg-2", result="[1]"))
    await store.functions.add(RESULT._replace(session="leg-3", result="[1]"))
    await store.open_call(*new_call("leg-3", state=NUMBER.encode()))
    await store.forget([NUMBER], dry_run=True)
    assert RESULT.result == await store.functions.get("leg-1", 0, "shop.find:1")
    await store.forget([NUMBER])
    assert [None, "[1]", None] == [await store.functions.get(f"leg-{n}", 0, "shop.find:1") for n in (1, 2, 3)]
