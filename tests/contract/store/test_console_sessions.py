"""Sessions of the console in both databases, and in the memory of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store import ConsoleSessionRow, ConsoleSessions, SqliteDatabase, Store
from tests.contract.store.conftest import STORES
from tests.contract.store.stored_rows import NOON_MS


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(SqliteDatabase()) if request.param == "memory" else STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def sessions(store: Store) -> ConsoleSessions:
    """Two consoles make the table, as two hosts may."""
    await ConsoleSessions(store.database).prepare()
    await ConsoleSessions(store.database).prepare()
    return ConsoleSessions(store.database)


def row(hash_: str, at: int = NOON_MS, credential: str = "password") -> ConsoleSessionRow:
    return ConsoleSessionRow(hash_, credential, at, at)


async def test_a_session_is_found_until_it_is_deleted(sessions: ConsoleSessions) -> None:
    await sessions.add(row("a"))
    await sessions.touch("a", NOON_MS + 1)
    found = await sessions.find("a")
    await sessions.delete("a")

    assert row("a")._replace(used_at=NOON_MS + 1) == found
    assert [None, None] == [await sessions.find("a"), await sessions.find("b")]


async def test_a_link_is_redeemed_once_also_by_two_at_the_same_time(sessions: ConsoleSessions) -> None:
    await sessions.add(row("link", credential="unused"))
    redeemed = await asyncio.gather(
        *(sessions.redeem("link", "unused", NOON_MS - 1, row(f"session {number}")) for number in range(5))
    )
    opened = [number for number in range(5) if await sessions.find(f"session {number}")]

    assert 1 == sum(redeemed) == len(opened)
    assert redeemed[opened[0]]


@pytest.mark.parametrize(("credential", "after"), [("password", NOON_MS - 1), ("unused", NOON_MS)])
async def test_neither_a_session_nor_an_old_link_is_redeemed(
    sessions: ConsoleSessions, credential: str, after: int
) -> None:
    await sessions.add(row("a", credential="unused"))

    assert not await sessions.redeem("a", credential, after, row("b"))
    assert await sessions.find("b") is None


async def test_old_and_idle_sessions_are_swept(sessions: ConsoleSessions) -> None:
    for hash_, created_at, used_at in (("old", 1, 9), ("idle", 5, 5), ("open", 5, 9)):
        await sessions.add(ConsoleSessionRow(hash_, "password", created_at, used_at))
    await sessions.sweep(1, 5)

    assert ["open"] == [hash_ for hash_ in ("old", "idle", "open") if await sessions.find(hash_)]
