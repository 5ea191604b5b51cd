"""Whole calls with a lookup server on a real socket: it answers, is slow, sends nonsense, goes down and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from ncco_server.service.calls import CallService
from ncco_server.service.lookups import PAUSE_S, CircuitBreakers, LookupClient, lookups_of_turn
from tests.support.memory_store import MemoryStore
from tests.unit.server.service.conftest import StandingClock
from tests.unit.server.service.lookup_server import (
    Behaviour,
    Connection,
    LookUpServer,
    failing,
    good,
    silent,
)
from tests.unit.server.service.served_call import POLICY, ServedCall, service_at

ACME = Path(__file__).parent / "acme" / "flows"
CALLER = "callers/447700900123"


@dataclass
class Office:
    """A server with flows, and the server for their lookups."""

    service: CallService
    store: MemoryStore
    crm: LookUpServer
    legs: int = 0

    async def ring(self, flow: str | None = None, **fields: str) -> ServedCall:
        """Start a new call."""
        self.legs += 1
        call = ServedCall(self.service)
        await call.ring(flow, **{"uuid": f"leg-{self.legs}", **fields})
        return call

    @property
    def written(self) -> str:
        """All stored webhooks, sessions and turns, as one text."""
        return repr([self.store.webhooks, self.store.sessions, self.store.turns])


class OpenOffice(Protocol):
    """Opens a server for the flows in a folder; the fixture closes it after the test."""

    async def __call__(self, flows: Path, budget_ms: int = 2000, **env: str) -> Office: ...


async def open_office(crm: LookUpServer, client: LookupClient, flows: Path, env: Mapping[str, str]) -> Office:
    store = MemoryStore()
    await store.open()
    policy = replace(POLICY, env={"CRM_URL": crm.url("").rstrip("/"), **env})
    look_ups = partial(lookups_of_turn, client.answer, client.budget_ms)
    service = await service_at(store, flows, policy, look_ups=look_ups)
    return Office(service, store, crm)


@pytest.fixture
async def crm() -> AsyncIterator[LookUpServer]:
    running = LookUpServer()
    running.behaviours[CALLER] = good
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def pauses() -> StandingClock:
    """The clock of the circuit breakers."""
    return StandingClock()


@pytest.fixture
async def office_of(crm: LookUpServer, pauses: StandingClock) -> AsyncIterator[OpenOffice]:
    async with AsyncExitStack() as stack:

        async def opened(flows: Path, budget_ms: int = 2000, **env: str) -> Office:
            client = LookupClient(budget_ms, breakers=CircuitBreakers(clock=pauses))
            stack.push_async_callback(client.close)
            return await open_office(crm, client, flows, env)

        yield opened


@pytest.fixture
async def acme(office_of: OpenOffice) -> Office:
    return await office_of(ACME, budget_ms=5000)


def answering(body: bytes) -> Behaviour:
    async def answer(connection: Connection) -> None:
        await connection.answer(body)

    return answer


WELCOME = "Welcome to Acme."
MENU = "For sales, press 1 or say sales. For support, press 2 or say support."


async def test_a_known_customer_is_greeted_and_put_through_to_the_account_manager(acme: Office) -> None:
    call = await acme.ring()
    greeting = call.said
    await call.press("2")

    assert ["Welcome to Acme, Ann.", MENU] == greeting[:2]
    assert ["Your account manager is next."] == call.said
    assert "GET /callers/447700900123 HTTP/1.1" in acme.crm.requests[0]
    assert 1 == len(acme.crm.requests)


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (silent, "timed out after 2000 ms"),
        (failing, "status 503"),
        (answering(b'{"name": "Ann", "tier": "SECRET"}'), "`tier` is not one of gold, standard"),
        (answering(b'{"name": ["SECRET"], "tier": "gold"}'), "`name` is not text"),
    ],
)
async def test_a_lookup_server_that_is_slow_dead_or_wrong_costs_only_the_greeting(
    acme: Office, behaviour: Behaviour, problem: str
) -> None:
    acme.crm.behaviours[CALLER] = behaviour

    call = await acme.ring()
    greeting = call.said
    await call.press("2")

    assert [WELCOME, MENU] == greeting[:2]
    assert ["Connecting you to support. This call is recorded."] == call.said
    assert f"not ok: {problem}" in acme.written
    assert "SECRET" not in acme.written


async def test_a_lookup_server_that_is_down_is_not_asked_until_it_is_back(acme: Office, pauses: StandingClock) -> None:
    await acme.crm.stop()
    lost = [(await acme.ring()).said[0] for _ in range(6)]
    await acme.crm.start()

    during = (await acme.ring()).said[0]
    pauses.now += PAUSE_S
    after = (await acme.ring()).said[0]

    assert {WELCOME} == {*lost, during}
    assert "Welcome to Acme, Ann." == after
    assert "has failed 5 times in a row and is paused" in acme.written
    assert 1 == len(acme.crm.requests)


@pytest.mark.parametrize("number", ["..", "../../admin", "1\r\nX-Admin: yes"])
async def test_a_number_that_may_be_decoded_to_another_path_is_not_looked_up(acme: Office, number: str) -> None:
    for path in ("callers/..%2F..%2Fadmin", "callers/1%0D%0AX-Admin%3A%20yes", "admin"):
        acme.crm.behaviours[path] = good

    call = await acme.ring(**{"from": number})

    assert WELCOME == call.said[0]
    assert [] == acme.crm.requests


def written(tmp_path: Path, files: Mapping[str, str]) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    for name, text in files.items():
        (flows / name).write_text(dedent(text))
    return flows


MANY = """
flow: test
default: true
start: first
lookups:
  slow: {get: "{{ env.CRM_URL }}/slow", returns: {name: text}, timeout: 2s}
  other: {get: "{{ env.CRM_URL }}/slow?other", returns: {name: text}, timeout: 2s}
  silent: {get: "{{ env.CRM_URL }}/silent", returns: {name: text}, timeout: 3500ms}
steps:
  first:
    lookup: [slow, other, silent]
    do: [{talk: "Hello {{ slow.name }} and {{ other.name }}{{ silent.name }}."}]
    goto: second
  second:
    lookup: [slow, silent]
    do: [{talk: "{% if slow.ok %}Again{% else %}Not again{% endif %}."}]
    goto: end
"""


async def test_all_lookups_of_a_turn_together_take_no_longer_than_the_budget(
    tmp_path: Path, office_of: OpenOffice
) -> None:
    office = await office_of(written(tmp_path, {"test.yaml": MANY}), budget_ms=3000)

    call = await office.ring()

    assert ["Hello Ann and Ann.", "Not again."] == call.said
    assert "not asked: the 3000 ms for all lookups of a turn are used up" in office.written
