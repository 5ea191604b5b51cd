"""A turn changes rows of tables exactly once, even if other turns change the same rows at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.store import (
    AlreadyOpen,
    Caused,
    Conflict,
    RowChange,
    RowChanged,
    RowTaken,
    SqliteDatabase,
    Store,
    open_store,
)
from tests.support.postgres_stores import empty_database
from tests.support.stored_rows import NOON_MS, new_call, next_turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADA = 'customers["447700900123"]'
BOB = 'customers["447700900124"]'
DAY_MS = 86_400_000


async def columns(store: Store, row: str = ADA, now: int = NOON_MS) -> dict[str, object] | None:
    return await store.tables.get(row, now)


async def test_a_turn_writes_its_changes_with_its_call_and_a_repeat_writes_none(store: Store) -> None:
    saves = (RowChange(ADA, {"name": "Ada"}), RowChange(ADA, increases={"calls": 1}))
    await store.open_call(*new_call("leg-1"), Caused(saves=saves))
    assert {"name": "Ada", "calls": 1} == await columns(store)
    with pytest.raises(AlreadyOpen):
        await store.open_call(*new_call("leg-1"), Caused(saves=saves))
    assert {"name": "Ada", "calls": 1} == await columns(store)

    await store.advance(*next_turn("leg-1", 1), Caused(saves=saves))
    with pytest.raises(Conflict):
        await store.advance(*next_turn("leg-1", 1), Caused(saves=saves))
    assert {"name": "Ada", "calls": 2} == await columns(store)
    (row,) = await store.tables.of_table("customers")
    assert (2, "call leg-1") == (row.version, row.changed_by)


async def test_a_change_does_not_affect_other_columns_and_rows(store: Store) -> None:
    first = [RowChange(ADA, {"name": "Ada", "tier": "gold"}), RowChange(BOB, {"name": "Bob"})]
    await store.tables.change(first, NOON_MS, "a test")
    await store.tables.change([RowChange(ADA, {"tier": "standard"})], NOON_MS, "a test")
    assert {"name": "Ada", "tier": "standard"} == await columns(store)
    await store.tables.change([RowChange(ADA, is_removal=True)], NOON_MS, "a test")
    assert await columns(store) is None
    assert {"name": "Bob"} == await columns(store, BOB)
    await store.tables.change([RowChange(BOB, is_removal=True), RowChange(BOB, {"tier": "gold"})], NOON_MS, "a test")
    assert {"tier": "gold"} == await columns(store, BOB)


async def test_a_row_that_must_be_new_and_exists_writes_nothing(store: Store) -> None:
    await store.tables.change([RowChange(BOB, {"name": "Bob"})], NOON_MS, "a test")
    saves = (RowChange(ADA, {"name": "Ada"}, is_new=True), RowChange(BOB, {"name": "Ada"}, is_new=True))
    with pytest.raises(RowTaken):
        await store.open_call(*new_call("leg-1"), Caused(saves=saves))
    assert await store.load("leg-1") is None
    assert (None, {"name": "Bob"}) == (await columns(store), await columns(store, BOB))

    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))
    with pytest.raises(RowTaken):
        await store.advance(*next_turn("leg-1", 1), Caused(saves=saves))
    row = await store.load("leg-1")
    assert row is not None
    assert 1 == row.version
    with pytest.raises(AlreadyOpen):  # the rows that it claimed are released
        await store.open_call(*new_call("leg-2"), Caused(saves=saves[:1]))
    with pytest.raises(Conflict):
        await store.advance(*next_turn("leg-2", 2), Caused(saves=saves[:1]))
    assert await columns(store) is None


async def test_a_refused_change_in_a_group_leaves_no_trace(store: Store) -> None:
    claims = [RowChange(ADA, {"by": number}, is_new=True) for number in range(20)]
    others = [RowChange(f'claims["{number}"]', {"by": number}, is_new=True) for number in range(20)]
    found = await asyncio.gather(
        *(
            store.open_call(*new_call(f"leg-{number}"), Caused(saves=(others[number], claims[number])))
            for number in range(20)
        ),
        return_exceptions=True,
    )
    winners = [number for number, each in enumerate(found) if not isinstance(each, Exception)]
    assert 1 == len(winners)
    assert {"by": winners[0]} == await columns(store)
    assert [others[winners[0]].row] == [row.name for row in await store.tables.of_table("claims")]


async def test_a_row_is_kept_for_its_time_after_the_last_change(store: Store) -> None:
    kept = RowChange(ADA, {"name": "Ada"}, keep_ms=DAY_MS)
    await store.tables.change([kept, RowChange(BOB, {"name": "Bob"})], NOON_MS, "a test")
    await store.tables.change([kept], NOON_MS + DAY_MS - 1, "a test")
    assert {"name": "Ada"} == await columns(store, now=NOON_MS + 2 * DAY_MS - 2)
    end = NOON_MS + 2 * DAY_MS - 1
    assert await columns(store, now=end) is None
    await store.tables.change([RowChange(ADA, {"tier": "gold"}, is_new=True, keep_ms=DAY_MS)], end, "a test")
    assert {"tier": "gold"} == await columns(store, now=end)
    await store.tables.change([RowChange(ADA, increases={"calls": 1}, keep_ms=DAY_MS)], end + DAY_MS, "a test")
    assert {"calls": 1} == await columns(store, now=end + DAY_MS)
    assert 1 == await store.sweep(0, 10, end + 2 * DAY_MS)
    assert [BOB] == [row.name for row in await store.tables.of_table("customers")]


async def test_no_state_of_a_row_has_the_stamp_of_an_earlier_one(store: Store) -> None:
    kept = RowChange(ADA, {"name": "Ada"}, keep_ms=DAY_MS)
    removal = RowChange(ADA, is_removal=True)
    seen = [(await store.tables.change([kept], NOON_MS, "a test"))[ADA]]
    for changes in ([removal, kept], [kept]):
        seen.append((await store.tables.change(changes, NOON_MS, "a test", {ADA: seen[-1:]}))[ADA])
    assert {ADA: ""} == await store.tables.change([removal], NOON_MS, "a test", {ADA: None})
    await store.open_call(*new_call("leg-1"), Caused(saves=(kept._replace(is_new=True),)))
    row = await store.tables.row(ADA, NOON_MS)
    assert row is not None
    assert (1, [row.stamp]) == (row.version, [*{row.stamp}.difference(seen)])
    with pytest.raises(RowChanged):
        await store.tables.change([kept], NOON_MS, "a test", {ADA: seen})
    with pytest.raises(RowChanged):
        await store.tables.change([kept], NOON_MS + DAY_MS, "a test", {ADA: [row.stamp]})
    await store.tables.change([removal], NOON_MS, "a test", {ADA: [*seen, row.stamp]})
    for stamps in (None, [row.stamp]):
        with pytest.raises(RowChanged):
            await store.tables.change([kept], NOON_MS, "a test", {ADA: stamps})
    await store.tables.change([kept], NOON_MS, "a test", {ADA: [""]})


async def test_a_person_is_forgotten_by_the_key_and_by_the_columns(store: Store) -> None:
    rows = [
        RowChange(ADA, {"name": "Ada"}),
        RowChange(BOB, {"name": "Bob"}),
        RowChange('shifts["monday"]', {"phone": "447700900123"}),
        RowChange('shifts["tuesday"]', {"phone": "447700900124"}),
    ]
    await store.tables.change(rows, NOON_MS, "a test")
    assert 2 == (await store.forget(["447700900123"], dry_run=True)).rows
    assert 2 == (await store.forget(["447700900123"])).rows
    assert [BOB] == [row.name for row in await store.tables.of_table("customers")]
    assert ['shifts["tuesday"]'] == [row.name for row in await store.tables.of_table("shifts")]


async def test_the_rows_of_a_table_are_read_in_order_and_in_pages(store: Store) -> None:
    rows = [RowChange(f'customers["{number}"]') for number in range(447700900100, 447700900107)]
    await store.tables.change([*rows, RowChange('customers2["1"]'), RowChange('aaa["1"]')], NOON_MS, "a test")
    first = await store.tables.of_table("customers", limit=4)
    rest = await store.tables.of_table("customers", after=first[-1].name, limit=4)
    assert [row.row for row in rows] == [row.name for row in (*first, *rest)]
    assert await store.tables.has_rows("customers2")
    assert not await store.tables.has_rows("customer")


async def test_rows_are_found_by_their_keys_and_shown_columns_until_they_expire(store: Store) -> None:
    rows = [
        RowChange(ADA, {"name": "Ada Byron", "code": "1843"}),
        RowChange(BOB, {"name": "Bob Byron", "code": "1852"}, keep_ms=DAY_MS),
    ]
    await store.tables.change(rows, NOON_MS, "a test")
    found = {}
    for wanted in ("byron", "byron, later", "0124", "1843", ""):
        text, _, is_later = wanted.partition(", ")
        now = NOON_MS + DAY_MS if is_later else NOON_MS
        matching, _ = await store.tables.search("customers", [text], {"name": True, "code": False}, now)
        found[wanted] = [row.name for row in matching]

    assert {"byron": [ADA, BOB], "byron, later": [ADA], "0124": [BOB], "1843": [], "": [ADA, BOB]} == found
    assert await store.tables.row('customers["447700900125"]', NOON_MS) is None


def _of_file(folder: Path) -> list[Store]:
    return [Store(SqliteDatabase(folder / "calls.db", busy_ms=30_000)) for _ in range(2)]


def _of_postgres(folder: Path) -> list[Store]:
    url = empty_database()
    return [open_store(url) for _ in range(2)]


HOSTS: dict[str, Callable[[Path], list[Store]]] = {"sqlite": _of_file, "postgres": _of_postgres}


@pytest_asyncio.fixture(params=HOSTS, loop_scope="module")
async def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Store]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(store) for store in HOSTS[request.param](tmp_path)]


RACES = 400


async def test_a_counter_of_two_hosts_counts_every_call_once(hosts: list[Store]) -> None:
    async def call(number: int) -> None:
        store = hosts[number % 2]
        others = [RowChange(f'counters["{(number * step) % 7}"]', increases={"calls": 1}) for step in (3, 5)]
        saves = (RowChange('counters["all"]', increases={"calls": 1}), *others)
        await store.open_call(*new_call(f"leg-{number}"), Caused(saves=saves))
        with pytest.raises(AlreadyOpen):
            await store.open_call(*new_call(f"leg-{number}"), Caused(saves=saves))

    for start in range(0, RACES, 200):
        await asyncio.gather(*map(call, range(start, start + 200)))
    found = {row.name: row.columns["calls"] for row in await hosts[0].tables.of_table("counters")}
    assert RACES == found.pop('counters["all"]')
    assert 2 * RACES == sum(found.values())


async def test_only_one_of_two_hosts_adds_the_same_row(hosts: list[Store]) -> None:
    won: list[int] = []

    async def call(number: int) -> None:
        job = number // 4
        rows = [f'jobs["{job}"]', f'jobs["{job} too"]']
        saves = tuple(RowChange(row, {"by": number}, is_new=True) for row in rows[:: 1 if number % 2 else -1])
        try:
            await hosts[number % 2].open_call(*new_call(f"leg-{number}"), Caused(saves=saves))
        except RowTaken:
            return
        won.append(number)

    for start in range(0, RACES, 200):
        await asyncio.gather(*map(call, range(start, start + 200)))
    assert [*range(RACES // 4)] == sorted(number // 4 for number in won)
    found = [row for each in ("jobs",) for row in await hosts[0].tables.of_table(each, limit=RACES)]
    assert RACES // 2 == len(found)
    assert sorted(won * 2) == sorted(row.columns["by"] for row in found)
