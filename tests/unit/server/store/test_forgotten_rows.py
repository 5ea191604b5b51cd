"""A person is forgotten in tables by the declared types, and a hash still matches a forgotten number."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import unicodedata
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
import pytest_asyncio

from ncco_server.errors import HashKeyLost, RowChanged, RowTaken
from ncco_server.store import Caused, RowChange, SqliteDatabase, Store, open_store
from ncco_server.store.database import Work
from ncco_server.store.forgetting import Numbers
from ncco_server.store.recordings import RecordingRow
from ncco_server.store.sql import Sql
from ncco_server.store.table_rows import HASH_KEY, INSERT_KEY, SELECT_KEY, all_rows
from ncco_server.table_rows import StoredTypes
from tests.support.cases import each_case
from tests.support.postgres_stores import empty_database
from tests.support.stored_rows import NOON_MS, hook_row, new_call, placed_row, webhook_row

ADA = 'customers["447700900123"]'
BOB = 'customers["447700900124"]'
DAY_MS = 86_400_000
ARABIC, FULL_WIDTH = 0x0660, 0xFF10
"""Their digit 0, which the others follow."""


def in_digits(text: str, zero: int) -> str:
    return re.sub("[0-9]", lambda digit: chr(zero + int(digit[0])), text)


async def columns(store: Store, row: str = ADA, now: int = NOON_MS) -> dict[str, object] | None:
    return await store.tables.get(row, now)


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Store]]:
    """Two hosts that share a database."""
    url = empty_database() if request.param == "postgres" else ""
    stores = [open_store(url) if url else Store(SqliteDatabase(tmp_path / "calls.db", busy_ms=30_000)) for _ in "12"]
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(store) for store in stores]


@pytest.fixture
def store(hosts: list[Store]) -> Store:
    return hosts[0]


DECLARED = {
    "customers": StoredTypes(
        ["phone"], {"name": "text", "mobile": "phone", "note": "text", "orders": "int", "price": "number"}
    ),
    "calls": StoredTypes(["text"], {}),
    "do_not_call": StoredTypes(["phone"], {"why": "text"}, keeps_hash=True),
}


async def test_a_person_is_forgotten_by_the_types_of_keys_and_columns(store: Store) -> None:
    number = "447700900123"
    rows = [
        RowChange('calls["from 447700900123"]'),
        RowChange(ADA, {"name": "Ada"}),
        RowChange(BOB, {"name": "Bob", "note": "a friend of 447700900123", "orders": 3}),
        RowChange('customers["447700900125"]', {"name": "Eve", "mobile": number}),
        RowChange('customers["447700900126"]', {"name": "447700900123", "note": "+447700900123"}),
        RowChange('undeclared["1"]', {"note": number}),
    ]
    await store.tables.change(rows, NOON_MS, "a test")
    counted = await store.forget([number], tables=DECLARED, dry_run=True)
    done = await store.forget([number], tables=DECLARED)
    assert (4, 3, 0) == (counted.rows, counted.texts, counted.hashes) == (done.rows, done.texts, done.hashes)
    assert {"name": "Bob", "orders": 3} == await columns(store, BOB)
    assert {} == await columns(store, 'customers["447700900126"]')
    names = [name async for name, _ in all_rows(store.database)]
    assert [BOB, 'customers["447700900126"]'] == names


@each_case(
    ("column", "value", "is_found"),
    [
        ("note", "call +44 7700 900123 at 10:30", True),
        ("note", "07700 900123", True),
        ("note", "(07700) 900-123", True),
        ("note", "+44 (0)7700 900123", True),
        ("note", "0044 7700 900123", True),
        ("note", "+44\u00a07700\u2011900123", True),
        ("note", "room 3 07700 900123", True),
        ("note", in_digits("call 07700 900123", ARABIC), True),
        ("note", in_digits("447700900123", FULL_WIDTH), True),
        ("note", in_digits("1447700900123", ARABIC), False),
        ("note", "0 7 7 0 0, 9 0 0, 1 2 3", True),
        ("note", "447700900123.0", True),
        ("note", "https://example.com/?q=%2B44+7700+900123", True),
        ("orders", 447700900123, True),
        ("orders", 7700900123, True),
        ("price", 447700900123.0, True),
        ("note", "+49 7700 900123", False),
        ("note", "+49 (0)7700 900123", False),
        ("note", "1447700900123", False),
        ("note", "447700900124", False),
        ("orders", 900123, False),
        ("orders", 4477009001230, False),
    ],
)
async def test_a_number_is_found_however_people_write_it(
    store: Store, column: str, value: object, is_found: bool
) -> None:
    await store.tables.change([RowChange(BOB, is_removal=True), RowChange(BOB, {column: value})], NOON_MS, "a test")
    found = await store.forget(["447700900123"], tables=DECLARED)
    assert is_found == bool(found.texts)
    assert ({} if is_found else {column: value}) == await columns(store, BOB)


def test_a_number_is_found_in_the_digits_of_each_script() -> None:
    numbers = Numbers(["447700900123"])
    zeros = [each for each in range(sys.maxunicode) if unicodedata.decimal(chr(each), None) == 0]
    missed = [chr(zero) for zero in zeros if not numbers.may_be_in(in_digits("447700900123", zero).encode())]

    assert [] == missed
    assert len(zeros) > 50


async def test_a_call_is_found_however_its_documents_write_the_number(store: Store) -> None:
    for leg, state in (
        ("leg-1", b'{"vars": {"mobile": "07700 900123"}}'),
        ("leg-2", b'{"vars": {"mobile": "+44\\u00a07700\\u2013900123"}}'),
        ("leg-3", b'{"vars": {"mobile": "+49 7700 900123"}}'),
        ("leg-5", b"to=442079460000&mobile=07700+900123"),
        ("leg-4", in_digits('{"vars": {"said": "07700 900123"}}', ARABIC).encode()),
    ):
        await store.open_call(*new_call(leg, state=state))
    assert 4 == (await store.forget(["447700900123"])).calls


MENTIONS = each_case(
    ("mention", "is_found"),
    [
        ("447700900123", True),
        ("Ada, 07700 900123", True),
        (in_digits("07700 900123", ARABIC), True),
        ("+44\u00a07700\u2011900123", True),
        ("+44 (0)7700 900-123", True),
        ("447700900123.0", True),
        ("+49 7700 900123", False),
        ("447700900124", False),
    ],
)


@MENTIONS
async def test_a_recording_is_found_by_any_of_its_texts(store: Store, mention: str, is_found: bool) -> None:
    names = ("about", "caller_name", "transcript", "from_number", "to_number")
    for name in names:
        id_ = f"{name} {mention}"
        texts: dict[str, Any] = {name: mention}
        await store.recordings.add(RecordingRow(id_, id_, "record", NOON_MS, **texts))
    found = await store.forget(["447700900123"])
    assert (len(names) if is_found else 0) == found.recordings


@MENTIONS
async def test_a_hook_is_found_by_its_url_headers_and_body(store: Store, mention: str, is_found: bool) -> None:
    hooks = [
        hook_row("url", session="other", url=f"https://crm.example.com/?{urlencode({'number': mention})}"),
        hook_row("path", session="other", url=f"https://crm.example.com/{quote(mention)}"),
        hook_row("headers", session="other", headers=json.dumps({"X-Caller": mention}).encode()),
        hook_row("body", session="other", body=orjson.dumps({"text": mention})),
    ]
    await store.record(webhook_row(id=mention), Caused(hooks=hooks))
    assert (len(hooks) if is_found else 0) == (await store.forget(["447700900123"])).hooks
    assert ([] if is_found else [hook.id for hook in hooks]) == [hook.id for hook in await store.hooks.first(100)]
    await store.forget(["447700900124", "497700900123"])


@MENTIONS
async def test_a_placed_call_is_found_by_its_number_and_params(store: Store, mention: str, is_found: bool) -> None:
    params = json.dumps({"contact": mention, "pin": "7700"})
    await store.placed.add([placed_row(id=mention, key=mention, number="447700900999", params=params)])
    await store.placed.add([placed_row(id=f"{mention} 2", key=f"{mention} 2", params="{}")])
    assert 1 + is_found == (await store.forget(["447700900123"])).placed
    left = await store.placed.get(mention)
    assert left is not None
    assert ("" if is_found else params) == left.params


BLOCKED = 'do_not_call["447700900123"]'


async def _forgotten(store: Store, keep_ms: int = 0) -> None:
    """Block a person's number, and forget it."""
    await store.tables.change([RowChange(BLOCKED, {"why": "asked on the phone"}, keep_ms=keep_ms)], NOON_MS, "a test")
    found = await store.forget(["447700900123"], tables=DECLARED, now=NOON_MS)
    assert (1, 1) == (found.rows, found.hashes)


async def test_a_hash_of_a_forgotten_number_still_matches_and_nobody_can_read_it(store: Store) -> None:
    await _forgotten(store)
    assert {} == await columns(store, BLOCKED)
    assert await columns(store, 'do_not_call["447700900124"]') is None
    assert await columns(store, ADA) is None
    row = await store.tables.row(BLOCKED, NOON_MS)
    assert row is not None
    assert (BLOCKED, {}, "") == (row.name, row.columns, row.changed_by)
    assert [] == await store.tables.of_table("do_not_call")
    assert await store.tables.has_rows("do_not_call")
    assert not await store.tables.has_rows("do_not")
    stored = str(await store.database.read(Sql("SELECT name, columns FROM ncco_rows")))
    assert "447700900123" not in stored
    assert "asked" not in stored
    assert 0 == (await store.forget(["447700900123"], tables=DECLARED)).rows


async def test_a_hash_counts_as_the_row_until_the_row_is_removed(store: Store) -> None:
    await _forgotten(store)
    new = (RowChange(BLOCKED, is_new=True), RowChange(ADA, {"name": "Ada"}, is_new=True))
    with pytest.raises(RowTaken):
        await store.open_call(*new_call("leg-1"), Caused(saves=new))
    assert await columns(store, ADA) is None
    with pytest.raises(RowChanged):
        await store.tables.change([RowChange(BLOCKED)], NOON_MS, "a test", {BLOCKED: [""]})
    hashed = await store.tables.row(BLOCKED, NOON_MS)
    assert hashed is not None
    await store.tables.change([RowChange(BLOCKED, {"why": "again"})], NOON_MS, "a test", {BLOCKED: [hashed.stamp]})
    assert {"why": "again"} == await columns(store, BLOCKED)

    await store.forget(["447700900123"], tables=DECLARED, now=NOON_MS)
    assert {} == await columns(store, BLOCKED)
    await store.open_call(*new_call("leg-2"), Caused(saves=(RowChange(BLOCKED, is_removal=True),)))
    assert await columns(store, BLOCKED) is None
    assert not await store.tables.has_rows("do_not_call")
    await store.open_call(*new_call("leg-3"), Caused(saves=(RowChange(BLOCKED, is_new=True),)))

    await store.forget(["447700900123"], tables=DECLARED, now=NOON_MS)
    removal = RowChange(BLOCKED, is_removal=True)
    await store.tables.change([removal, RowChange(BLOCKED, {"why": "later"}), removal], NOON_MS, "a test")
    assert await columns(store, BLOCKED) is None

    await _forgotten(store)
    await store.tables.change_together([removal], NOON_MS, "a test")
    assert await columns(store, BLOCKED) is None


async def test_a_hash_is_kept_as_long_as_the_row_would_be(store: Store) -> None:
    await _forgotten(store, keep_ms=DAY_MS)
    assert {} == await columns(store, BLOCKED, now=NOON_MS + DAY_MS - 1)
    assert await columns(store, BLOCKED, now=NOON_MS + DAY_MS) is None
    assert 1 == await store.sweep(0, 10, NOON_MS + DAY_MS)


LOSE_KEY = Sql(f"DELETE FROM ncco_rows WHERE name = '{HASH_KEY}'")


async def test_without_a_table_that_keeps_hashes_there_is_no_key(store: Store) -> None:
    await store.forget(["447700900123"], tables={"customers": DECLARED["customers"]})

    assert [] == await store.database.read(SELECT_KEY, "")


@pytest.mark.parametrize("other_key", [None, '{"key": "00"}'])
async def test_a_lost_or_replaced_key_is_never_recreated(store: Store, other_key: str | None) -> None:
    await _forgotten(store)
    ((_, key),) = await store.database.read(SELECT_KEY, "")

    def lose() -> Work[None]:
        yield LOSE_KEY, ()
        if other_key is not None:
            yield INSERT_KEY, (other_key, NOON_MS)

    await store.database.write(lose)
    await store.tables.change([RowChange(ADA, {"name": "Ada"})], NOON_MS, "a test")
    with pytest.raises(HashKeyLost, match="the table do_not_call has hashes of forgotten numbers"):
        await store.forget(["447700900123"], tables=DECLARED)
    assert {"name": "Ada"} == await columns(store)

    def put_back() -> Work[None]:
        yield LOSE_KEY, ()
        yield INSERT_KEY, (key, NOON_MS)

    await store.database.write(put_back)
    assert {} == await columns(store, BLOCKED)


async def test_a_row_is_added_or_removed_once_while_its_number_is_forgotten(hosts: list[Store]) -> None:
    for number in range(20):
        await hosts[0].tables.change([RowChange(BLOCKED)], NOON_MS, "a test")
        new = hosts[0].tables.change([RowChange(BLOCKED, is_new=True)], NOON_MS, "a test")
        forgetting = hosts[1].forget(["447700900123"], tables=DECLARED, now=NOON_MS)
        is_first, _ = await asyncio.gather(new, forgetting, return_exceptions=True)
        assert isinstance(is_first, RowTaken)

        await hosts[0].tables.change([RowChange(BLOCKED)], NOON_MS, "a test")
        removal = hosts[number % 2].tables.change([RowChange(BLOCKED, is_removal=True)], NOON_MS, "a test")
        await asyncio.gather(removal, hosts[1].forget(["447700900123"], tables=DECLARED, now=NOON_MS))
        assert await columns(hosts[0], BLOCKED) is None
