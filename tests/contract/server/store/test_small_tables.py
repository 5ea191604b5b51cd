"""API keys and the last backup; and what rows say of themselves."""

from __future__ import annotations

import pytest

from ncco_server.store import ApiKeyRow, BackupRow, Backups, PlacingControl, RecordingRow, Store
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, placed_row

KEY = ApiKeyRow("crm", ("reminder",), 1, ("rooms", "beds:read"))


@pytest.mark.asyncio(loop_scope="module")
async def test_an_old_key_works_until_it_is_removed(store: Store) -> None:
    newer = KEY._replace(created_at=2, tables=())
    await store.api_keys.add("a", KEY)
    await store.api_keys.add("b", newer)
    found = [await store.api_keys.find(key) for key in "abc"]
    removed = [await store.api_keys.remove("crm", keeps_newest=True) for _ in range(2)]
    left = await store.api_keys.list()

    assert [KEY, newer, None] == found
    assert ([1, 0], [newer], 1) == (removed, left, await store.api_keys.remove("crm"))


@each_case(("table", "may"), [("rooms", (True, True)), ("beds", (False, True)), ("other", (False, False))])
def test_a_key_may_read_or_change_some_tables(table: str, may: tuple[bool, bool]) -> None:
    assert may == (KEY.may_change(table), KEY.may_read(table))


@pytest.mark.asyncio(loop_scope="module")
async def test_only_the_last_backup_is_known(store: Store) -> None:
    backups = Backups(store.database)
    found = [await backups.last()]
    for row in (BackupRow(1, 10), BackupRow(2, 20)):
        await backups.add(row)
        found.append(await backups.last())

    assert [None, BackupRow(1, 10), BackupRow(2, 20)] == found


@each_case(
    ("state", "cancelled_at", "can"),
    [("waiting", None, True), ("calling", None, True), ("calling", 1, False), ("over", None, False)],
)
def test_a_call_can_be_cancelled_once_until_it_is_over(state: str, cancelled_at: int | None, can: bool) -> None:
    assert can == placed_row(state=state, cancelled_at=cancelled_at).can_be_cancelled


@each_case(("until", "is_held"), [(None, False), (5, False), (6, True)])
def test_calls_are_held_until_a_time(until: int | None, is_held: bool) -> None:
    assert is_held == PlacingControl(held_until=until).is_held(5)


@each_case(("due_at", "leased_until", "is_fetched"), [(1, 6, True), (1, 5, False), (None, 6, False)])
def test_a_recording_is_being_fetched_while_it_is_leased(
    due_at: int | None, leased_until: int, is_fetched: bool
) -> None:
    row = RecordingRow("a", "b", "record", 1, due_at=due_at, leased_until=leased_until)

    assert is_fetched == row.is_being_fetched(5)


@each_case(("started_at", "name"), [(None, "message-1970-01-01-0000.wav"), (NOON_MS, "message-2026-03-04-1200.wav")])
def test_the_file_of_a_recording_has_its_time(started_at: int | None, name: str) -> None:
    assert name == RecordingRow("a", "b", "record", 1, started_at=started_at, content_type="audio/wav").file_name
