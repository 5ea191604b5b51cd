"""Two hosts that change the result of one call at the same moment: the second one waits, and nothing is lost.

The other host is a connection whose transaction the test keeps open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from ncco_server.store import EndOfCall, ResultRow, Store
from tests.contract.server.store.conftest import PostgresOfFile
from tests.support.stored_rows import NOON_MS, NUMBER, end_call, new_call, results_of, webhook_row

pytestmark = pytest.mark.asyncio(loop_scope="module")

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

LOCK_CALL = "SELECT 1 FROM calls WHERE id = 'leg-1' FOR NO KEY UPDATE"
HUMAN = """
    INSERT INTO webhooks (call_key, id, kind, session, turn, wait, status, leg, conversation, method, body, received_at)
    SELECT key, 'human', 'event-human', id, 0, 0, 'human', leg, '', 'POST', '', $1 FROM calls
"""
COUNT = (
    "SELECT 1 FROM ncco_results FOR UPDATE",
    """INSERT INTO ncco_sums SELECT 0, began_at / 900000, result, flow, '', '', -1, 1, ended_at - began_at
       FROM ncco_results""",
    """INSERT INTO ncco_sums SELECT 1, began_at / 900000, result, flow, line, own, -1, 1, ended_at - began_at
       FROM ncco_results""",
    """INSERT INTO ncco_sums SELECT 2, began_at / 900000 / 96 * 96, result, flow, line, own, -1, 1, ended_at - began_at
       FROM ncco_results""",
    """UPDATE ncco_results SET is_counted = true, counted_result = result, counted_own = own,
       counted_ms = ended_at - began_at, counted_until_s = -1""",
)
"""What a host does that adds results to the sums."""


@pytest_asyncio.fixture(loop_scope="module")
async def store(postgres: PostgresOfFile) -> Store:
    return await postgres.emptied()


@asynccontextmanager
async def other_host(store: Store) -> AsyncIterator[Connection]:
    """A transaction of another host. It is committed at the end."""
    connection = await asyncpg.connect(f"postgresql://{store.label.partition('://')[2]}", user="ncco")
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '500ms'")
            yield connection
    finally:
        await connection.close()


async def waiting(connection: Connection, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start some work, which must wait for the other host."""
    task = asyncio.ensure_future(work)
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not await connection.fetchval(waits):
        assert not task.done(), "did not wait for the other host"
        await asyncio.sleep(0.01)
    return task


async def rows(store: Store) -> list[ResultRow]:
    async with store.records() as records:
        return await results_of(records, "leg-1")


async def counted(store: Store) -> int:
    async with store.records() as records:
        return sum(each.calls for each in await records.result_sums(0, NOON_MS * 2))


async def test_late_end_of_a_lost_call_waits_for_a_later_fact(store: Store) -> None:
    await store.open_call(*new_call())
    await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS + 1)
    async with other_host(store) as other:
        await other.execute(LOCK_CALL)
        end = webhook_row("leg-1", kind="event-completed", received_at=NOON_MS + 7)
        ending = await waiting(other, store.end("leg-1", [], end))
        await other.execute(HUMAN, NOON_MS + 5)
    await ending

    (row,) = await rows(store)
    assert ("person", NOON_MS + 5, NOON_MS + 7) == (row.result, row.person_at, row.ended_at)


async def test_first_reported_end_of_a_lost_call_stays(store: Store) -> None:
    await store.open_call(*new_call())
    await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS + 1)
    for at in (7, 8):
        await store.end("leg-1", [], webhook_row("leg-1", kind="event-completed", id=f"{at}", received_at=NOON_MS + at))

    (row,) = await rows(store)
    assert NOON_MS + 7 == row.ended_at


async def test_forgetting_does_not_block_a_later_fact(store: Store) -> None:
    """A later fact locks the call, then its row. If forgetting locked them in another order, one would fail."""
    await store.open_call(*new_call(state=NUMBER.encode()))
    await end_call(store, "leg-1", webhook_row("leg-1"))
    while await store.results.count():
        pass
    async with other_host(store) as other:
        await other.execute(LOCK_CALL)
        forgetting = await waiting(other, store.forget([NUMBER]))
        await other.execute("UPDATE ncco_results SET result = 'person'")
    await forgetting

    assert ([], 0) == (await rows(store), await counted(store))


async def test_a_call_that_is_forgotten_while_it_is_counted_leaves_the_sums(store: Store) -> None:
    await store.open_call(*new_call(state=NUMBER.encode()))
    await end_call(store, "leg-1", webhook_row("leg-1"))
    async with other_host(store) as other:
        for statement in COUNT:
            await other.execute(statement)
        forgetting = await waiting(other, store.forget([NUMBER]))
    await forgetting

    assert ([], 0) == (await rows(store), await counted(store))


async def test_a_call_with_very_long_names_ends(store: Store) -> None:
    """An index of PostgreSQL refuses texts that are longer than a third of a page."""
    name = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(5_000))
    await store.open_call(*new_call())
    await store.end("leg-1", [EndOfCall("leg-1", 1, "inbound", name, name, name, name)], webhook_row("leg-1"))

    (row,) = await rows(store)
    assert row.party == row.party_end[::-1] == name[:200]
    while await store.results.count():
        pass
    assert 1 == await counted(store)
