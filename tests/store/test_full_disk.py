from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.store import SqliteDatabase, Store
from tests.store.stored_rows import faulty_connection, new_call, rows_of


async def write_until_full(store: Store) -> tuple[list[str], StoreUnavailable]:
    """The ids of the calls that were acknowledged, and what the first that did not fit was told."""
    acknowledged: list[str] = []
    try:
        while len(acknowledged) < 5_000:
            await store.open_call(*new_call(f"leg-{len(acknowledged)}", state=b"s" * 2_000))
            acknowledged.append(f"leg-{len(acknowledged)}")
    except StoreUnavailable as full:
        return acknowledged, full
    raise AssertionError("the disk never was full")


def limit_pages(connections: list[sqlite3.Connection], pages: int) -> None:
    for connection in connections:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()


async def test_full_file_is_unavailable_and_heals_when_it_may_grow(path: Path) -> None:
    kind = faulty_connection()
    store = Store(SqliteDatabase(path, factory=kind))
    await store.open()
    await store.open_call(*new_call("before"))
    limit_pages(kind.made[1:], 60)
    acknowledged, full = await write_until_full(store)

    with pytest.raises(StoreUnavailable, match="has no room to grow"):
        await store.check()

    assert f"{path} has no room to grow (database or disk is full)" == str(full)
    assert ["before", *acknowledged] == [id_ for (id_,) in rows_of(path, "SELECT id FROM calls ORDER BY key")]

    limit_pages(kind.made[1:], 1_000_000)
    await store.check()
    await store.open_call(*new_call("after"))
    await store.close()

    assert [("after",)] == rows_of(path, "SELECT id FROM calls ORDER BY key DESC LIMIT 1")
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: what a quota or a full disk does to a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_log_that_cannot_grow_is_unavailable_and_heals(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.open_call(*new_call("before"))
    with largest_file(400_000):
        acknowledged, full = await write_until_full(store)

        with pytest.raises(StoreUnavailable):
            await store.open_call(*new_call("again", state=b"s" * 2_000))

    assert "cannot be read or written to disk" in str(full) or "no room" in str(full)
    assert ["before", *acknowledged] == [id_ for (id_,) in rows_of(path, "SELECT id FROM calls ORDER BY key")]

    await store.check()
    await store.open_call(*new_call("after"))
    await store.close()

    assert [("after",)] == rows_of(path, "SELECT id FROM calls ORDER BY key DESC LIMIT 1")
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")
