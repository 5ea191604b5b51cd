from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.store import SqliteDatabase, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest_asyncio.fixture
async def sqlite_store(path: Path) -> AsyncIterator[Store]:
    """An open store that waits up to 30 s for locks."""
    store = Store(SqliteDatabase(path, busy_ms=30_000))
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection like one of another process to the same file."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    yield connection
    connection.close()
