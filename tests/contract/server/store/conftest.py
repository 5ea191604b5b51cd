from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.store import Records, SqliteDatabase, Store
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import make_postgres

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
    async with store.records() as reading:
        yield reading
