from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from app.service.lookups import CircuitBreakers, LookupClient
from tests.unit.service.lookup_server import LookUpServer
from tests.unit.service.receiver import Receiver, receiving

PAUSE_S = 0.8


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


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
