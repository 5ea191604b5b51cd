from __future__ import annotations

import pytest

from ncco_server.store import Store
from tests.support.memory_store import MemoryStore


@pytest.fixture
def memory() -> Store:
    return MemoryStore()
