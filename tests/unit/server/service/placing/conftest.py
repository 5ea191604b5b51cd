from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.store import SqliteDatabase, Store
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import make_postgres


@pytest.fixture
def memory() -> Store:
    return MemoryStore()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest, memory: Store, tmp_path: Path) -> Store:
    if request.param == "memory":
        return memory
    return make_postgres() if request.param == "postgres" else Store(SqliteDatabase(tmp_path / "calls.db"))
