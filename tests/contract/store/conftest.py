from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.store import Records, SqliteDatabase, Store
from tests.contract.store.memory_store import MemoryStore
from tests.contract.store.postgres_stores import make_postgres

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: Store(SqliteDatabase(folder / "calls.db")),
    "postgres": make_postgres,
}
"""What the contract is tested with. A further kind of store needs a line here and nothing else."""


@pytest.fixture(params=STORES)
def closed_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path)


@pytest_asyncio.fixture
async def store(closed_store: Store) -> AsyncIterator[Store]:
    await closed_store.open()
    yield closed_store
    await closed_store.close()


@pytest_asyncio.fixture
async def records(store: Store) -> AsyncIterator[Records]:
    reading = store.records()
    await reading.open()
    yield reading
    await reading.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest_asyncio.fixture
async def sqlite_store(path: Path) -> AsyncIterator[Store]:
    """An open store that waits 30 s for others."""
    store = Store(SqliteDatabase(path, busy_ms=30_000))
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """What another process on the same file can do."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    yield connection
    connection.close()
