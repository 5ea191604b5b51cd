"""Calls whose end went unnoticed: `completed` arrived before the call was stored, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.errors import UnknownWait
from ncco_server.service.told import told_by
from ncco_server.service.unended_calls import UnendedCalls
from ncco_server.store import Store
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.voice_api import VoiceApi
from tests.support.application_api import APPLICATION_ID
from tests.support.examples import examples
from tests.support.keys import private_pem, rsa_key
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import make_postgres
from tests.support.stored_rows import new_call, results_of
from tests.unit.server.service.served_call import LEG, NOON, ServedCall, delivery, service_of

FLOW: Final = """
flow: main
default: true
entry: true
start: menu
vars: {ticket: {type: text, default: T1}}
hooks: {over: {post: "https://example.com/over"}, left: {post: "https://example.com/left"}}
events: {ended: over, hangup: left}
steps:
  menu:
    do: [{talk: "Press 1."}]
    choices:
      dial: {dtmf: 1, goto: dial}
      room: {dtmf: 2, goto: room}
      other: {dtmf: 3, goto: {run: other}}
      out: {dtmf: 4, goto: end}
    retry: {then: end}
  dial: {do: [{connect: "447700900111"}], on: {completed: end, otherwise: menu}}
  room: {do: [{conversation: team}], goto: end}
"""
OTHER: Final = """
flow: other
entry: true
start: ask
steps:
  ask: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: end}}, retry: {then: end}}
"""
MOVED: Final = {"conversation_uuid_from": "CON-1", "conversation_uuid_to": "CON-2", "uuid": LEG, "type": "transfer"}
LATER: Final = NOON + timedelta(hours=49)

STORES: Final[dict[str, Callable[[Path], Store]]] = {"memory": lambda folder: MemoryStore(), "postgres": make_postgres}


async def served(store: Store) -> ServedCall:
    return ServedCall(await service_of(store, FLOW, OTHER))


@pytest.fixture
async def call(store: Store) -> ServedCall:
    return await served(store)


async def events(store: Store) -> list[dict[str, Any]]:
    """The event data of each unsent hook."""
    return [orjson.loads(hook.body)["data"]["event"] for hook in await store.hooks.first(100)]


def voice_of(**details: Any) -> tuple[VoiceApi, list[str]]:
    """A client of a fake Vonage that knows this about every call, and the paths of its requests."""
    asked = list[str]()

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(details.get("code", 200), stream=httpx.ByteStream(orjson.dumps(details)))

    tokens = ApplicationTokens(APPLICATION_ID, private_pem(rsa_key()))
    client = httpx.AsyncClient(transport=httpx.MockTransport(reply))
    return VoiceApi(client, "https://api.nexmo.com", tokens, lambda: NOON, no_wait), asked


async def no_wait(_: float) -> None:
    """Do not sleep."""


async def test_a_call_that_ended_before_it_was_stored_ends_at_the_second_check(call: ServedCall, store: Store) -> None:
    unended = UnendedCalls(call.service)
    await unended.end(NOON)
    await call.hang_up(disconnected_by="user")
    await unended.end(NOON)
    await call.ring()
    searches = [await unended.end(NOON) for _ in range(3)]

    assert [1, 0, 0] == [ended.early for ended in searches]
    assert [("hangup", ""), ("ended", "hangup")] == [
        (event["name"], event.get("how", "")) for event in await events(store)
    ]
    assert "7" == (await events(store))[1]["duration"]


async def test_a_call_whose_end_was_never_reported_ends_by_its_age(call: ServedCall, store: Store) -> None:
    await call.ring()
    unended = UnendedCalls(call.service)
    before = [await unended.end(NOON + timedelta(hours=hours)) for hours in (0, 24, 48)]
    searches = [await unended.end(LATER) for _ in range(2)]
    await call.hang_up()
    row = await store.load(LEG)

    assert [0, 0, 0, 1, 0] == [ended.lost for ended in (*before, *searches)]
    assert [{"name": "ended", "how": "lost", "call_result": "lost"}] == await events(store)
    assert row is not None
    assert row.is_over


async def test_vonage_is_asked_only_about_legs(call: ServedCall, store: Store) -> None:
    await store.open_call(*new_call("of a program", leg=""))
    await call.ring()
    voice, asked = voice_of(status="answered")
    await UnendedCalls(call.service, voice).end(NOON + timedelta(minutes=61))

    assert [f"https://api.nexmo.com/v1/calls/{LEG}"] == asked


async def test_a_call_ends_before_it_may_be_deleted(call: ServedCall, store: Store) -> None:
    await call.ring()
    unended = UnendedCalls(call.service, kept_for=timedelta(days=1))
    searches = [await unended.end(NOON + timedelta(hours=hours)) for hours in (22, 23.5)]

    assert [0, 1] == [ended.lost for ended in searches]


async def test_a_call_whose_flow_does_not_report_its_end_ends_too(call: ServedCall, store: Store) -> None:
    await call.ring("other")
    unended = UnendedCalls(call.service)
    found = await unended.end(LATER)

    assert 1 == found.lost
    assert [] == await store.calls_of(LEG)
    assert [] == await store.hooks.first(9)


async def test_vonage_is_asked_about_a_silent_call(call: ServedCall, store: Store) -> None:
    await call.ring(region_url="https://api-eu-3.vonage.com")
    voice, asked = voice_of(uuid=LEG, status="completed", duration="65", price="0.02", end_time="2026-03-04 13:00:00")
    unended = UnendedCalls(call.service, voice)
    searches = [await unended.end(NOON + timedelta(minutes=minutes)) for minutes in (30, 59, 61, 62)]

    assert [0, 0, 1, 0] == [ended.known for ended in searches]
    assert [f"https://api-eu-3.vonage.com/v1/calls/{LEG}"] == asked
    (over,) = await events(store)
    assert ("ended", "lost", "lost") == (over["name"], over["how"], over["call_result"])
    assert ("completed", "65", "0.02") == (over["status"], over["duration"], over["price"])


async def test_nobody_knows_where_the_caller_of_a_lost_end_hung_up(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("1")
    voice, _ = voice_of(uuid=LEG, status="completed", duration="65")
    await UnendedCalls(call.service, voice).end(NOON + timedelta(minutes=61))
    await call.hang_up(status="human")
    async with store.records() as records:
        (result,) = await results_of(records, LEG)
        timeline = await records.timeline(LEG)

    assert ("lost", None) == (result.result, result.ended_at)
    assert timeline is not None
    lost = timeline.webhooks[-2]
    assert ("lost", "its end was never reported; it counts as over; Vonage says that it took 65 s") == (
        lost.kind,
        told_by(lost),
    )


async def test_a_completed_event_that_arrives_after_the_question_decides_the_result(
    call: ServedCall, store: Store
) -> None:
    await call.ring()
    voice, _ = voice_of(uuid=LEG, status="completed", duration="65")
    await UnendedCalls(call.service, voice).end(NOON + timedelta(minutes=61))
    await call.hang_up()
    async with store.records() as records:
        (result,) = await results_of(records, LEG)

    assert ("missed", True) == (result.result, result.ended_at is not None)


async def test_vonage_is_asked_hourly_about_a_running_call(call: ServedCall, store: Store) -> None:
    await call.ring()
    voice, asked = voice_of(uuid=LEG, status="answered")
    unended = UnendedCalls(call.service, voice)
    for minutes in range(50, 200, 10):
        await unended.end(NOON + timedelta(minutes=minutes))

    assert 2 == len(asked)
    assert [] == await events(store)


async def test_vonage_is_asked_about_at_most_a_hundred_calls_per_check(call: ServedCall, store: Store) -> None:
    for number in range(110):
        await call.ring(uuid=f"leg-{number}", conversation_uuid=f"CON-{number}")
    voice, asked = voice_of(uuid=LEG, status="answered")
    unended = UnendedCalls(call.service, voice)
    counts = []
    for hours in (2, 2, 2, 49, 49, 50):
        found = await unended.end(NOON + timedelta(hours=hours))
        counts.append((len(asked), found.lost))

    assert [(100, 0), (110, 0), (110, 0), (210, 100), (220, 10), (220, 0)] == counts


async def test_a_search_reads_a_bounded_number_of_calls_and_the_next_one_continues(
    call: ServedCall, store: Store
) -> None:
    for number in range(5):
        await call.ring(uuid=f"leg-{number}", conversation_uuid=f"CON-{number}")
    unended = UnendedCalls(call.service, most_read=2)
    lost = [(await unended.end(LATER)).lost for _ in range(4)]
    voice, asked = voice_of(uuid=LEG, status="answered")
    for number in range(5, 10):
        await call.ring(uuid=f"leg-{number}", conversation_uuid=f"CON-{number}")
    asking = UnendedCalls(call.service, voice, most_read=2)
    counts = []
    for _ in range(5):
        await asking.end(NOON + timedelta(hours=2))
        counts.append(len(asked))

    assert [2, 2, 1, 0] == lost
    assert [2, 4, 5, 5, 5] == counts


@pytest.mark.parametrize(("code", "is_problem"), [(404, False), (401, True), (500, True)])
async def test_a_call_unknown_to_vonage_ends_by_its_age(
    call: ServedCall, store: Store, code: int, is_problem: bool
) -> None:
    await call.ring()
    voice, _ = voice_of(code=code, title="No.")
    unended = UnendedCalls(call.service, voice)
    first = await unended.end(NOON + timedelta(hours=2))
    last = await unended.end(LATER)

    assert (is_problem, 1) == (bool(first.problem), last.lost)


async def test_two_hosts_end_a_call_once(call: ServedCall, store: Store) -> None:
    await call.ring()
    hosts = [UnendedCalls((await served(store)).service) for _ in range(4)]
    await asyncio.gather(*(host.end(LATER) for host in hosts), call.hang_up(), call.hang_up())

    assert 1 == len([event for event in await events(store) if event["name"] == "ended"])


class AnyCall:
    """One call, whose webhooks come in any order, twice or never."""

    def __init__(self, call: ServedCall, store: Store) -> None:
        self.call = call
        self.store = store
        self.unended = UnendedCalls(call.service)
        self.told: list[str] = []

    async def play(self, what: str) -> None:
        """One webhook, or one check."""
        match what:
            case "ring" | "ring again":
                await self.call.ring()
            case "over":
                await self.call.hang_up()
            case "transferred":
                await self.call.ring("other", conversation_uuid="CON-2")
            case "moved":
                await self.call.service.event(delivery(MOVED))
            case "look":
                await self.unended.end(NOON)
            case "restart":
                self.unended = UnendedCalls(self.call.service)
            case status if status.startswith("dial "):
                with suppress(IndexError, UnknownWait):
                    await self.call.dial(status.removeprefix("dial "))
            case digits:
                with suppress(IndexError, UnknownWait):
                    await self.call.press(digits)

    async def send(self) -> None:
        """Send the hooks, which deletes them."""
        for hook in await self.store.hooks.first(100):
            self.told.append(hook.name)
            await self.store.hooks.sent(hook.id, 0)


WEBHOOKS: Final = st.lists(
    st.sampled_from(
        (
            *("ring", "ring again", "over", "over", "transferred", "moved", "look", "restart", "1", "2", "3", "4"),
            *("dial ringing", "dial busy", "dial completed"),
        )
    ),
    max_size=12,
)


@pytest.mark.parametrize(("kind", "most"), [("memory", 80), ("postgres", 15)])
def test_every_call_that_began_ends_once(kind: str, most: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    @examples(most)
    @given(webhooks=WEBHOOKS, at_once=st.booleans())
    def holds(webhooks: list[str], at_once: bool) -> None:
        asyncio.run(_ends_once(STORES[kind], tmp_path_factory.mktemp("calls"), webhooks, at_once=at_once))

    holds()


async def _ends_once(make: Callable[[Path], Store], folder: Path, webhooks: list[str], *, at_once: bool) -> None:
    async with make(folder) as store:
        call = AnyCall(await served(store), store)
        if at_once:
            await asyncio.gather(*(call.play(what) for what in webhooks if what not in ("look", "restart")))
        else:
            for what in webhooks:
                await call.play(what)
                await call.send()
        for hours in (0, 1, 49, 50):
            await call.unended.end(NOON + timedelta(hours=hours))
            await call.send()

        has_begun = any(what.startswith("ring") for what in webhooks)
        assert [*["over"] * has_begun] == [name for name in call.told if name == "over"]


async def test_vonage_is_asked_no_more_in_a_search_in_which_it_fails(call: ServedCall) -> None:
    await call.ring()
    await call.ring(uuid="leg-2")
    voice, asked = voice_of(code=500)
    unended = UnendedCalls(call.service, voice)
    found = await unended.end(NOON + timedelta(hours=2))

    assert (1, 0, True) == (len({*asked}), found.known, bool(found.problem))
