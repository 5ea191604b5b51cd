"""An agent hands the caller back: what it sends is checked, stored once, and decides how the call goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ncco_server.desk.replay import replay
from ncco_server.desk.transcript import stored_lines
from ncco_server.errors import UnknownWait
from ncco_server.service.agents import AgentReply
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.store import Store, Timeline, milliseconds
from ncco_server.store.sql import Sql
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.postgres_stores import make_postgres
from tests.support.webhooks import facts
from tests.unit.server.service.served_call import LEG, NOON, POLICY, ServedCall, delivery, service_of

FLOW = """
flow: support
default: true
start: assistant
steps:
  assistant:
    do: [{talk: "You are talking to our assistant."}]
    agent:
      uri: "wss://bot.example.com/calls"
      with: {customer: "{{ call.from }}"}
      outcomes: [refund, person]
      returns: {order: text, seats: int, day: date, tier: [gold, standard]}
      limit: 10m
    on: {refund: refund, person: desk, done: bye, failed: sorry, too_long: later}
  refund: {do: [{talk: "A refund of {{ agent.order }} for {{ agent.seats }}."}, {wait: 1}], goto: end}
  desk: {do: [{connect: "447700900123"}], on: {completed: end, otherwise: bye}}
  sorry: {do: [{talk: "Our assistant is not available."}], goto: end}
  later: {do: [{talk: "That took long."}], goto: end}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
REFUND = {"outcome": "refund", "values": {"order": "4711", "seats": 2}}
STORES: dict[str, Callable[[Path], Store]] = {"memory": lambda folder: MemoryStore(), "postgres": make_postgres}


@pytest_asyncio.fixture(params=STORES)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path) as store:
        yield store


class AgentCall(ServedCall):
    """A call that is with an agent, which is at the URL that it got."""

    headers: Mapping[str, Any] = {}
    url = ""

    @classmethod
    async def begun(cls, store: Store, leg: object = LEG, **fields: Any) -> AgentCall:
        call = cls(await service_of(store, FLOW))
        await call.ring(uuid=f"{leg}", **fields)
        call.note_urls()
        return call

    def note_urls(self) -> None:
        """Those of the last NCCO."""
        (connect,) = [action for action in self.ncco if action["action"] == "connect"]
        self.headers = connect["endpoint"][0]["headers"]
        self.url = self.headers["hand_back"]
        self.events = self.token("event")
        self.over = self.token("notify")

    events = ""
    over = ""

    async def hand(self, body: Any, problem: str = "") -> AgentReply:
        return await self.service.hand_back(self.agent_token, self.sent(body, problem))

    async def say(self, who: object, text: object, after_s: float = 0, **more: object) -> AgentReply:
        self.now += timedelta(seconds=after_s)
        return await self.service.said(self.agent_token, self.sent({"who": who, "text": text, **more}))

    @property
    def agent_token(self) -> str:
        return self.url.rpartition("/")[2]

    def sent(self, body: Any, problem: str = "") -> Delivery:
        return Delivery("POST", b"", body or {}, "https://calls.example.com", self.now, problem)

    async def report(self, status: str, after_s: float = 0, **fields: Any) -> Reply:
        self.now += timedelta(seconds=after_s)
        more = {"to": "wss://bot.example.com/calls", "headers": self.headers, **fields}
        return await self.post("event", {"status": status, "uuid": "aa01", **more}, self.events)

    async def come_back(self, after_s: float = 0) -> Reply:
        self.now += timedelta(seconds=after_s)
        return await self.post("notify", {"payload": {"checkpoint": "agent.over"}}, self.over)


async def _timeline(store: Store) -> Timeline:
    async with store.records() as records:
        timeline = await records.timeline(LEG)
    assert timeline is not None
    return timeline


async def test_the_caller_is_connected_to_the_agent(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    talk, connect, notify = call.ncco
    assert {"action": "talk", "text": "You are talking to our assistant."} == talk
    assert ("synchronous", 600, "notify") == (connect["eventType"], connect["limit"], notify["action"])
    assert {"customer": "447700900123", "hand_back": call.url, "limit": 600} == call.headers
    assert call.url.startswith("https://calls.example.com/webhooks/agent/")


async def test_what_is_handed_back_decides_when_the_socket_is_closed(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    assert (204, 204, 409) == (
        (await call.hand(REFUND)).status,
        (await call.hand({"values": {"seats": "2", "order": "4711"}, "outcome": "refund"})).status,
        (await call.hand({"outcome": "person"})).status,
    )
    reply = await call.report("disconnected")
    assert ("refund", ["A refund of 4711 for 2."]) == (reply.outcome, call.said)
    assert 410 == (await call.hand(REFUND)).status


async def test_it_also_decides_at_the_checkpoint(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    await call.report("answered")
    await call.hand({"outcome": "person"})
    assert (await call.report("completed", 30, duration="30")).ncco is None
    assert "person" == (await call.come_back()).outcome


ENDS: dict[str, tuple[list[tuple[str, float, dict[str, Any]]], str]] = {
    "closed": ([("answered", 1, {}), ("disconnected", 40, {})], "failed"),
    "closed early, long after the step began": ([("answered", 10, {}), ("disconnected", 590, {})], "failed"),
    "closed 5 s before the limit": ([("answered", 10, {}), ("disconnected", 595, {})], "too_long"),
    "unreachable": ([("started", 0, {}), ("unanswered", 2, {})], "failed"),
    "refused": ([("failed", 1, {})], "failed"),
    "hung up": ([("answered", 1, {}), ("completed", 40, {"duration": "40"}), ("", 0, {})], "failed"),
    "just below the limit": ([("answered", 1, {}), ("completed", 600, {"duration": "599"}), ("", 0, {})], "failed"),
    "at the limit": ([("answered", 1, {}), ("completed", 600, {"duration": "600"}), ("", 0, {})], "too_long"),
    "at the limit, unreported": ([("answered", 1, {}), ("", 601, {})], "too_long"),
    "at the limit, and the answer was reported late": ([("answered", 3, {}), ("", 598.5, {})], "too_long"),
    "without any report": ([("", 30, {})], "failed"),
}


@each_case("case", ENDS)
async def test_without_a_hand_back_the_reports_decide(store: Store, case: str) -> None:
    reports, outcome = ENDS[case]
    call = await AgentCall.begun(store, case)
    for status, after_s, fields in reports[:-1]:
        assert (await call.report(status, after_s, **fields)).ncco is None
    status, after_s, fields = reports[-1]
    reply = await (call.report(status, after_s, **fields) if status else call.come_back(after_s))
    said = {"failed": "Our assistant is not available.", "too_long": "That took long."}[outcome]
    assert (outcome, [said]) == (reply.outcome, call.said)


WRONG: dict[str, tuple[Any, str]] = {
    "no outcome": ({}, "`outcome` is missing"),
    "unknown outcome": ({"outcome": "sales"}, "`sales` is not an outcome of this agent"),
    "a reserved outcome": ({"outcome": "failed"}, "`failed` is not an outcome of this agent"),
    "an outcome that is no text": ({"outcome": ["refund"]}, "is not an outcome of this agent"),
    "unknown value": ({"outcome": "refund", "values": {"colour": "red"}}, "there is no value `colour`"),
    "wrong type": ({"outcome": "refund", "values": {"seats": "two"}}, "`seats` is not a whole number"),
    "not one of the words": ({"outcome": "refund", "values": {"tier": "silver"}}, "`tier` is not"),
    "values that are no map": ({"outcome": "refund", "values": ["4711"]}, "`values` is not a map"),
    "a map as text": ({"outcome": "refund", "values": {"order": {"text": "x"}}}, "`order` is not text"),
    "too long a text": ({"outcome": "refund", "values": {"order": "x" * 20_000}}, "`order` has more than 10,000"),
    "something else": ({"outcome": "refund", "goto": "bye"}, "`goto` is unknown"),
    "half of a surrogate pair": ({"outcome": "refund", "values": {"order": "\ud83d"}}, "`order` contains something"),
    "unreadable": (None, "the body is not JSON"),
}


@each_case("case", WRONG)
async def test_a_wrong_hand_back_leaves_the_wait_open(store: Store, case: str) -> None:
    body, problem = WRONG[case]
    call = await AgentCall.begun(store, case)
    reply = await call.hand(body, problem="" if body is not None else problem)
    assert 422 == reply.status
    assert problem in reply.problem
    assert reply.cure
    assert 204 == (await call.hand(REFUND)).status


async def test_a_forged_url_is_unknown(store: Store) -> None:
    call = await AgentCall.begun(store)
    for token in (call.events, call.agent_token[:-1], "x" * 50, ""):
        with pytest.raises(UnknownWait):
            await call.service.hand_back(token, call.sent(REFUND))
    with pytest.raises(UnknownWait):
        await call.service.resume("event", call.agent_token, call.sent({"status": "disconnected"}))


async def test_the_url_of_an_earlier_turn_is_gone(store: Store) -> None:
    call = AgentCall(await service_of(store, FLOW.replace("done: bye", "done: assistant")))
    await call.ring()
    call.note_urls()
    assert 204 == (await call.hand({"outcome": "done"})).status
    await call.report("disconnected")
    assert (410, 410) == ((await call.hand(REFUND)).status, (await call.say("agent", "Hello?")).status)
    call.note_urls()
    assert 204 == (await call.hand(REFUND)).status


async def test_an_ended_call_is_gone(store: Store) -> None:
    call = await AgentCall.begun(store)
    await call.hang_up()
    assert (410, 410) == ((await call.hand(REFUND)).status, (await call.say("agent", "Hello?")).status)


async def test_lines_are_stored_with_the_call_at_most_one_a_second(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    assert 204 == (await call.say("agent", "How can I help?")).status
    early = await call.say("caller", "My order is late.", 0.5)
    assert (429, 1) == (early.status, early.retry_after_s)
    assert 204 == (await call.say("caller", "My order is late.", 0.5)).status
    timeline = await _timeline(opened)
    said = [(row.status, orjson.loads(row.body)) for row in timeline.webhooks if row.kind == "said"]
    first = {"who": "agent", "text": "How can I help?"}
    assert [("agent", first), ("caller", {"who": "caller", "text": "My order is late."})] == said


async def test_a_conversation_has_at_most_200_lines(store: Store) -> None:
    call = await AgentCall.begun(store)
    for _ in range(200):
        assert 204 == (await call.say("agent", "x" * 500, 1)).status
    assert 422 == (await call.say("agent", "One more.", 1)).status
    assert 204 == (await call.hand(REFUND)).status


NO_LINES: dict[str, dict[str, Any]] = {
    "somebody else": {"who": "system", "text": "Hello."},
    "no text": {"who": "agent", "text": ""},
    "too long": {"who": "agent", "text": "x" * 501},
    "not a text": {"who": "agent", "text": {"a": 1}},
    "half of a surrogate pair": {"who": "agent", "text": "\ud83d"},
    "more than that": {"who": "agent", "text": "Hello.", "action": "talk"},
}


@each_case("case", NO_LINES)
async def test_what_is_no_line_is_refused(store: Store, case: str) -> None:
    call = await AgentCall.begun(store, case)
    assert 422 == (await call.say(**NO_LINES[case])).status


async def test_at_once_only_one_line_is_stored(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    replies = await asyncio.gather(*(call.say("agent", f"Line {number}") for number in range(20)))
    assert [204, *[429] * 19] == sorted(reply.status for reply in replies)


async def test_nothing_that_is_stored_has_the_url(opened: Store) -> None:
    call = await AgentCall.begun(opened)
    token = call.agent_token
    sent = list(call.ncco)
    await call.report("answered")
    timeline = await _timeline(opened)
    stored = [timeline.call.session.state, *(row.body for row in timeline.webhooks)]
    stored += [part for turn in timeline.turns for part in (turn.ncco, turn.trace, turn.inputs)]
    assert not [part for part in stored if token.encode() in part]
    await call.ring()
    assert sent == call.ncco


async def _forget(store: Store, number: str) -> None:
    await store.forget([number])


async def _sweep(store: Store, number: str) -> None:
    later = milliseconds(NOON + timedelta(days=1))
    await store.sweep(later, 100, later)


DELETIONS = {"retention": _sweep, "the caller": _forget, "a number that was said": _forget, "one handed back": _forget}
NUMBERS = {"a number that was said": "447700900999", "one handed back": "447700900888"}


@each_case("case", DELETIONS)
async def test_what_an_agent_has_sent_is_deleted_with_its_call(opened: Store, case: str) -> None:
    call = await AgentCall.begun(opened, case, conversation_uuid=case)
    assert 204 == (await call.say("caller", "My number is +44 7700 900999.", 1)).status
    assert 204 == (await call.hand({"outcome": "refund", "values": {"order": "447700900888"}})).status
    await call.report("disconnected", 1)
    await DELETIONS[case](opened, NUMBERS.get(case, "447700900123"))
    assert (410, 410) == ((await call.hand(REFUND)).status, (await call.say("agent", "Hello?", 1)).status)
    assert [(0,)] == [tuple(row) for row in await opened.database.read(Sql("SELECT count(*) FROM webhooks"))]


async def test_the_page_of_a_call_shows_the_conversation_in_order(store: Store) -> None:
    call = await AgentCall.begun(store)
    await call.report("answered", 1)
    await call.say("agent", "How can I help?", 1)
    await call.say("caller", "I want my money back.", 3)
    await call.hand(REFUND)
    await call.report("disconnected", 2)
    lines = [(line.verb, line.text) for line in stored_lines(await _timeline(store), 0)]
    handed = ("webhook", 'agent: handed back refund with {"order": "4711", "seats": 2}')
    at = lines.index(("agent", "How can I help?"))
    assert [("says", "I want my money back."), handed] == lines[at + 1 : at + 3]


async def test_an_agents_call_can_be_replayed(store: Store) -> None:
    call = await AgentCall.begun(store)
    await call.report("answered", 1)
    await call.hand(REFUND)
    await call.report("disconnected", 2)
    (flow,) = call.service.library.current.flows.values()
    assert [True, True] == [turn["same"] for turn in replay(await _timeline(store), flow, POLICY)]


async def test_without_the_store_nobody_is_left_with_an_agent(store: Store) -> None:
    text = FLOW.replace("start: assistant", "start: ask\ndefaults: {on: {error: assistant}}").replace(
        "steps:", "steps:\n  ask: {do: [{talk: Press 1.}], choices: {one: {dtmf: 1, goto: end}}, retry: {then: end}}"
    )
    service = await service_of(store, text)
    call = ServedCall(service)
    await call.ring()
    assert ["Press 1.", "You are talking to our assistant."] == call.said
    assert "connect" not in [action["action"] for action in call.ncco]
    reply = service.without_store(delivery(facts("another")), None, "it is away")
    assert ["Please call again later."] == [action["text"] for action in orjson.loads(reply.ncco or b"")]


async def test_headers_that_are_too_large_for_vonage_fail_at_once(store: Store) -> None:
    text = FLOW.replace("{{ call.from }}", "{{ call.custom_data.history }}")
    call = ServedCall(await service_of(store, text))
    await call.ring(custom_data={"history": "x" * 400})
    assert ["Our assistant is not available."] == call.said


@each_case("seed", range(40))
async def test_a_stored_hand_back_decides_whatever_comes_beside_it(opened: Store, seed: int) -> None:
    """Or the call had gone on before."""
    call = await AgentCall.begun(opened, seed)
    await call.report("answered")
    other = AgentCall(await service_of(opened, FLOW))
    other.headers, other.url, other.events, other.over = call.headers, call.url, call.events, call.over

    async def later(work: Any, rounds: int) -> Any:
        for _ in range(rounds):
            await asyncio.sleep(0)
        return await work

    reports = [other.report("disconnected"), other.come_back()]
    moved = other.report("completed", duration="600"), reports[seed % 2]
    reports[1 - seed % 2].close()
    answer, *replies = await asyncio.gather(
        later(call.hand(REFUND), seed // 6), *(later(each, seed % 6) for each in moved)
    )
    (decided,) = [reply.outcome for reply in replies if reply.ncco]
    assert (answer.status, decided) in [(204, "refund"), (410, "failed"), (410, "too_long")]
