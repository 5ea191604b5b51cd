"""Nobody is called for a placed call whose flow or leg no longer exists, and its webhooks still get a reply."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import orjson
import pytest

from ncco_server.errors import VonageApiError
from ncco_server.service.library import Library
from ncco_server.service.placing.ends import end_attempt
from ncco_server.service.placing.placer import Placer, PlacingPolicy
from ncco_server.service.placing.requests import RefusedRequest
from ncco_server.service.placing.webhooks import GOODBYE, urls_of
from ncco_server.store import Store
from ncco_server.vonage.voice_api import CallDetails, CreatedCall, NewCall
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Request
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.placing import BASE, MANY, REMINDER, TO, World, placing_world


async def deliver(world: World, fields: dict[str, str], *, is_event: bool) -> bytes:
    """A webhook of the only attempt."""
    (row,) = await world.store.placed.list(1)
    (attempt,) = await world.attempts(row.id)
    url = urls_of(BASE, world.service.policy.keys[0], attempt)[is_event]
    headers = {"content-type": "application/json"}
    return (await world.server.deliver(Request("POST", url, headers, orjson.dumps(fields)))).body


async def test_a_webhook_of_a_forgotten_call_gets_a_goodbye_and_is_not_stored(memory: Store) -> None:
    async with placing_world(memory) as world:
        await world.want()
        (attempt,) = await world.placer.claim(1)
        await world.store.forget([TO])

        assert GOODBYE == await deliver(world, {"uuid": "leg-1", "to": TO}, is_event=False)
        assert b"" == await deliver(world, {"uuid": "leg-1", "status": "busy"}, is_event=True)
        assert not await end_attempt(world.service, attempt, "busy", world.now)
        assert not await end_attempt(world.service, attempt._replace(placed="other"), "busy", world.now)
        assert [] == world.log


@each_case(
    "fields", [{"status": "busy"}, {"uuid": "leg-1", "recording_url": "https://x"}, {"uuid": "", "status": "busy"}]
)
async def test_an_event_without_a_leg_or_a_status_ends_no_attempt(fields: dict[str, str]) -> None:
    async with placing_world(MemoryStore()) as world:
        row = await world.want()
        await world.placer.claim(1)
        await deliver(world, fields, is_event=True)

        assert ["placing"] == [attempt.state for attempt in await world.attempts(row.id)]


async def test_an_answer_without_a_leg_gets_a_goodbye() -> None:
    async with placing_world(MemoryStore()) as world:
        await world.want()
        await world.placer.claim(1)

        assert GOODBYE == await deliver(world, {"to": TO}, is_event=False)


class LosingLibrary:
    """The flows in use, without older revisions."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    async def pinned(self, name: str, revision: str) -> None:
        return None


async def test_nobody_is_called_whose_flow_is_lost_and_who_answers_hears_the_failsafe(memory: Store) -> None:
    async with placing_world(memory) as world:
        row = await world.want()
        (attempt,) = await world.placer.claim(1)
        world.service.library = cast("Library", LosingLibrary(world.service.library))
        heard = await deliver(world, {"uuid": "leg-1", "to": TO}, is_event=False)
        await deliver(world, {"uuid": "leg-1", "status": "machine"}, is_event=True)
        await world.placer.run_one(attempt)

        assert b"Sorry." in heard
        assert [] == world.legs
        assert row.id == attempt.placed


async def test_a_call_whose_flow_is_gone_says_what_it_waits_for_and_is_placed_once_the_flow_is_back(
    memory: Store,
) -> None:
    async with placing_world(memory, {TO: Behaviour(rings_s=2, talks_s=20)}) as world:
        row = await world.want()
        await world.use(REMINDER.replace("flow: reminder", "flow: other"))
        await world.run(59)
        early = await world.known(row.id)
        await world.run(10)
        late = await world.known(row.id)
        await world.use(REMINDER)
        await world.run(60)
        placed = await world.known(row.id)

    assert ("waiting", "") == (early.state, early.problem)
    assert ("waiting", row.due_at) == (late.state, late.due_at)
    assert late.problem
    assert ("answered", "") == (placed.outcome, placed.problem)


@each_case(
    "params", ["{name: text, day: text}", "{name: int}", "{name: {type: int, default: 3}}", "{name: [Bob, Cleo]}"]
)
async def test_a_call_fails_if_its_flow_has_changed_and_the_values_no_longer_fit(params: str) -> None:
    busy = {TO: Behaviour("busy", rings_s=1)}
    async with placing_world(MemoryStore(), busy) as world:
        row = await world.want()
        await world.run(60)
        await world.use(REMINDER.replace('{name: text, pin: {type: text, default: "", sensitive: true}}', params))
        await world.run(1200, step_s=5)
        over = await world.known(row.id)

    assert ("over", "failed", 1) == (over.state, over.outcome, len(world.legs))
    assert over.problem


class UnwillingVonage:
    """Hangs up no call, for a reason."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self) -> None:
        self.asked = 0

    async def create_call(self, call: NewCall) -> CreatedCall:
        raise AssertionError(call)

    async def call(self, uuid: str) -> CallDetails:
        raise AssertionError(uuid)

    async def hang_up(self, uuid: str) -> None:
        self.asked += 1
        raise VonageApiError("no", "none", self.status)


async def test_a_cancelled_call_is_hung_up_until_vonage_does_or_does_not_know_it(memory: Store) -> None:
    async with placing_world(memory) as world:
        row = await world.want()
        (attempt,) = await world.placer.claim(1)
        await world.receive(attempt, "ringing")
        await world.store.placed.cancel(row.id, world.clock.ms)
        vonage = UnwillingVonage()
        placer = Placer(
            world.service, vonage, PlacingPolicy(base_url=BASE, limits=MANY), world.reports, lambda: world.now
        )
        asked = []
        for status, seconds in ((500, 0), (500, 4), (500, 1), (404, 5), (404, 5)):
            world.clock.ms += seconds * 1000
            vonage.status = HTTPStatus(status)
            await placer.claim(1)
            asked.append(vonage.asked)

        assert [1, 1, 2, 3, 3] == asked
        assert ["a cancelled call cannot be hung up: no"] * 2 == world.reports.problems


@each_case(
    ("flow", "cure"),
    [
        ("remind", "Did you mean reminder?"),
        ("x", "Flows that place calls: reminder."),
        ("desk", "Add it, or name a flow that has it."),
    ],
)
async def test_a_flow_that_cannot_place_the_call_is_named(flow: str, cure: str) -> None:
    desk = "flow: desk\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
    async with placing_world(MemoryStore(), flows=f"{REMINDER}---\n{desk}") as world:
        with pytest.raises(RefusedRequest) as refused:
            await world.want(flow=flow)

    assert cure == refused.value.cure
