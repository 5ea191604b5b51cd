from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.service.lookups import LookupClient
from app.service.lookups.circuits import Circuits
from tests.service.lookups.look_up_server import LookUpServer

PAUSE_S = 0.8


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client() -> AsyncIterator[LookupClient]:
    opened = LookupClient(budget_ms=2000, circuits=Circuits(pause_s=PAUSE_S))
    yield opened
    await opened.close()
