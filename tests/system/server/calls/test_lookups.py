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
from ncco_server.service.lookup_sources import PythonModules
from ncco_server.service.lookups import PAUSE_S, CircuitBreakers, LookupClient, lookups_of_turn
from tests.support.memory_store import MemoryStore
from tests.unit.server.service.conftest import StandingClock
from tests.unit.server.service.lookup_server import (
    Behaviour,
    Connection,
    LookUpServer,
    bomb,
    dying,
    failing,
    good,
    html,
    redirect,
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
            modules = PythonModules({"tests.unit.server.service.sample_functions"})
            client = LookupClient(budget_ms, modules=modules, breakers=CircuitBreakers(clock=pauses))
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
        (html, "not JSON (HTML)"),
        (bomb, "larger than 64 KiB"),
        (redirect, "status 302: redirects are not followed"),
        (failing, "status 503"),
        (dying, "the connection was lost"),
        (answering(b'{"name": "Ann", "tier": "SECRET"}'), "`tier` is not one of gold, standard"),
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


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("1?admin=true#x", "/callers/1%3Fadmin%3Dtrue%23x"),
        ("a b/c@d", "/callers/a%20b%2Fc%40d"),
    ],
)
async def test_a_hostile_number_stays_one_segment_of_the_path(acme: Office, number: str, path: str) -> None:
    acme.crm.behaviours[path.strip("/")] = good

    call = await acme.ring(**{"from": number})

    assert "Welcome to Acme, Ann." == call.said[0]
    assert path == acme.crm.requests[0].split(" ")[1]


@pytest.mark.parametrize("number", ["..", "../../admin", "1\r\nX-Admin: yes"])
async def test_a_number_that_may_be_decoded_to_another_path_is_not_looked_up(acme: Office, number: str) -> None:
    for path in ("callers/..%2F..%2Fadmin", "callers/1%0D%0AX-Admin%3A%20yes", "admin"):
        acme.crm.behaviours[path] = good

    call = await acme.ring(**{"from": number})

    assert WELCOME == call.said[0]
    assert [] == acme.crm.requests


STEPS = """
flow: test
default: true
start: hello
vars:
  pin: {type: text, sensitive: true}
lookups:
  pin_check:
    post: "{{ env.CRM_URL }}/pins"
    headers: {Authorization: "Bearer {{ env.TOKEN }}"}
    json: {pin: "{{ pin }}", from: "{{ call.from }}"}
    timeout: 2s
    returns: {right: bool}
steps:
  hello:
    do: [{talk: "Your PIN, please."}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: bye}
    goto: check
  check:
    lookup: pin_check
    branch:
      - if: pin_check.right
        goto: account
      - else: bye
  account:
    do: [{talk: "Your account."}]
    goto: end
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
"""


def written(tmp_path: Path, files: Mapping[str, str]) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    for name, text in files.items():
        (flows / name).write_text(dedent(text))
    return flows


@pytest.mark.parametrize(("answer", "said"), [(b'{"right": true}', "Your account."), (b'{"right": false}', "Goodbye.")])
async def test_a_pin_is_sent_for_a_check_and_never_stored(
    tmp_path: Path, crm: LookUpServer, office_of: OpenOffice, answer: bytes, said: str
) -> None:
    crm.behaviours["pins"] = answering(answer)
    office = await office_of(written(tmp_path, {"test.yaml": STEPS}), TOKEN="t0ken")

    call = await office.ring()
    await call.press("84021739")

    assert [said] == call.said
    assert '{"pin":"84021739","from":"447700900123"}' == crm.requests[0].partition("\r\n\r\n")[2]
    assert "Authorization: Bearer t0ken\r\n" in crm.requests[0]
    assert "84021739" not in office.written
    assert "t0ken" not in office.written


async def test_a_missing_setting_fails_only_the_lookup(
    tmp_path: Path, crm: LookUpServer, office_of: OpenOffice
) -> None:
    office = await office_of(written(tmp_path, {"test.yaml": STEPS}))

    call = await office.ring()
    await call.press("84021739")

    assert ["Goodbye."] == call.said
    assert [] == crm.requests


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


PYTHON = """
flow: test
default: true
start: hello
lookups:
  customer:
    python: "tests.unit.server.service.sample_functions:customer"
    with: {number: "{{ call.from }}"}
    returns: {name: text}
    timeout: 2s
  broken: {python: "tests.unit.server.service.sample_functions:raising", returns: {name: text}}
steps:
  hello:
    lookup: [customer, broken]
    do: [{talk: "Hello {{ customer.name }}{{ broken.name }}."}]
    goto: end
"""


async def test_a_python_function_is_a_lookup_like_any_other(tmp_path: Path, office_of: OpenOffice) -> None:
    office = await office_of(written(tmp_path, {"test.yaml": PYTHON}))

    call = await office.ring()

    assert ["Hello Ann 447700900123."] == call.said
    assert "not ok: the function raised KeyError in sample_functions.py:" in office.written
    assert "unspoken" not in office.written
