"""What people changed in the console, in both databases, and in the memory of the process."""

from __future__ import annotations

import itertools

import pytest

from ncco_server.store import ChangeRow, Store
from tests.support.stored_rows import NOON_MS, new_call

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "447700900123"
NUMBERS = itertools.count()


def new_id(at: int) -> str:
    """An ID as every writer makes it: it sorts by time."""
    return f"{at:012x}{next(NUMBERS):016x}"


def change(at: int = NOON_MS, **values: str | int) -> ChangeRow:
    row = ChangeRow(new_id(at), at, "anna", "The row is saved.", "/tables/blocked", "[]", "")
    return row._replace(**values)  # type: ignore[arg-type]  # a field's type depends on its name


async def test_changes_are_listed_page_by_page_with_the_newest_first(store: Store) -> None:
    rows = [change(NOON_MS + each) for each in range(5)]
    for each in (rows[3], rows[0], rows[4], rows[2], rows[1]):
        await store.changes.add(each)

    first = await store.changes.list(3, NOON_MS)

    assert rows[:1:-1] == first
    assert rows[1::-1] == await store.changes.list(3, NOON_MS, first[-1].id)
    assert rows[2] == await store.changes.get(rows[2].id, NOON_MS)
    assert await store.changes.get(new_id(NOON_MS), NOON_MS) is None


async def test_an_expired_change_is_not_shown_and_swept(store: Store) -> None:
    row = change(expires_at=NOON_MS + 5)
    await store.changes.add(row)
    assert [row] == await store.changes.list(9, NOON_MS + 4)
    assert [] == await store.changes.list(9, NOON_MS + 5)
    assert await store.changes.get(row.id, NOON_MS + 5) is None

    await store.sweep(0, 10, NOON_MS + 4)
    assert [row] == await store.changes.list(9, NOON_MS)
    await store.sweep(0, 10, NOON_MS + 5)
    assert [] == await store.changes.list(9, NOON_MS)


async def test_changes_are_kept_as_long_as_calls(store: Store) -> None:
    old, new = change(NOON_MS - 1), change(NOON_MS)
    await store.changes.add(old)
    await store.changes.add(new)
    await store.sweep(NOON_MS, 10, NOON_MS)
    assert [new] == await store.changes.list(9, NOON_MS)


async def test_changes_that_mention_a_number_or_a_call_of_it_are_forgotten(store: Store) -> None:
    session, turn, webhook = new_call("leg 1/more")
    await store.open_call(session, turn, webhook._replace(body=f"from={NUMBER}".encode()))
    mentioning = [
        change(said=f"+{NUMBER} is blocked."),
        change(address=f"/tables/blocked/row?key={NUMBER}"),
        change(details='[["Number", "07700 900123", ""]]'),
        change(undo=f'["/tables/blocked/number", {{"number": "{NUMBER}"}}]'),
        change(address="/calls/leg%201/more"),
    ]
    other = change(address="/calls/leg-2")
    for each in (*mentioning, other):
        await store.changes.add(each)

    assert 5 == (await store.forget([NUMBER], dry_run=True)).changes
    assert 6 == len(await store.changes.list(9, NOON_MS))
    assert 5 == (await store.forget([NUMBER])).changes
    assert [other] == await store.changes.list(9, NOON_MS)
