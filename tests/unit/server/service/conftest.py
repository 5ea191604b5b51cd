from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from ncco_server.service.lookup_sources import PythonModules
from ncco_server.service.lookups import CircuitBreakers, LookupClient
from ncco_server.store import Store, open_store
from tests.support.scripted_replies import Receiver, receiving
from tests.unit.server.service.asking import PATIENCE_MS
from tests.unit.server.service.lookup_server import LookUpServer


@dataclass(slots=True)
class StandingClock:
    """A clock in seconds that the test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """One store is enough: the contract of the store shows that all are alike."""
    async with open_store("memory://") as opened:
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def pauses() -> StandingClock:
    """The clock of the circuit breakers of `client`."""
    return StandingClock()


@pytest.fixture
async def client(pauses: StandingClock) -> AsyncIterator[LookupClient]:
    """A client with time limits for a busy machine."""
    modules = PythonModules(
        {"math", *(f"tests.unit.server.service.{name}" for name in ("sample_functions", "sample_broken", "nowhere"))}
    )
    opened = LookupClient(budget_ms=PATIENCE_MS, modules=modules, breakers=CircuitBreakers(clock=pauses))
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    return shared_receiver.reset()
