from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.service.lookups import CircuitBreakers, LookupClient
from app.store import Store, open_store
from tests.unit.service.lookup_server import LookUpServer
from tests.unit.service.receiver import Receiver, receiving

PAUSE_S = 0.8


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/calls.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client() -> AsyncIterator[LookupClient]:
    opened = LookupClient(budget_ms=2000, breakers=CircuitBreakers(pause_s=PAUSE_S))
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    return shared_receiver.reset()
