from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.store import Records, SqliteDatabase, Store, open_store
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import database_without_tables, empty_database, make_postgres

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: Store(SqliteDatabase(folder / "calls.db")),
    "postgres": make_postgres,
}
"""What the contract is tested with. A further kind of store needs a line here and nothing else."""


@pytest.fixture(params=STORES)
def closed_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The only store of its database."""
    return open_store(database_without_tables()) if request.param == "postgres" else STORES[request.param](tmp_path)


class PostgresOfFile:
    """A store that is open for all tests of a file: each new connection is a process that reads the whole catalog."""

    store: Store | None = None

    async def emptied(self) -> Store:
        if self.store is None:
            self.store = make_postgres()
            await self.store.open()
        else:
            empty_database()
        return self.store


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[PostgresOfFile]:
    made = PostgresOfFile()
    yield made
    if made.store is not None:
        await made.store.close()


@pytest_asyncio.fixture(params=STORES, loop_scope="module")
async def store(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresOfFile) -> AsyncIterator[Store]:
    if request.param == "postgres":
        yield await postgres.emptied()
        return
    async with STORES[request.param](tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def records(store: Store) -> AsyncIterator[Records]:
    async with store.records() as reading:
        yield reading
