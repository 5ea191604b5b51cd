"""The end of a call is reported once, whoever hung up and in whatever flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest

from ncco_server.service.call_ends import end_lost
from ncco_server.store import Store, open_store
from tests.support.cases import each_case
from tests.support.postgres_stores import make_postgres
from tests.support.stored_rows import new_call, results_of
from tests.unit.server.service.served_call import LEG, NOON, NoRevisions, ServedCall, delivery, service_of

SIMPLE = "flow: simple\ndefault: true\nstart: a\nsteps: {{a: {{do: [{{talk: {text}}}], goto: end}}}}\n"

MAIN = """
flow: main
default: true
entry: true
outcomes: [sold]
results: {booked: an appointment was booked}
start: menu
vars:
  ticket: {type: text, default: ""}
  pin: {type: text, default: "", sensitive: true}
hooks:
  over: {post: "https://example.com/over"}
  left: {post: "https://example.com/left"}
events: {ended: over, hangup: left}
steps:
  menu:
    set: {ticket: T1}
    do: [{talk: "Press 1."}]
    choices:
      one: {dtmf: 1, goto: end}
      dial: {dtmf: 2, goto: dial}
      room: {dtmf: 3, goto: room}
      sub: {dtmf: 4, goto: sub}
      other: {dtmf: 5, goto: {run: other}}
      silent: {dtmf: 6, goto: {run: silent}}
      pin: {dtmf: 7, goto: pin}
      back: {dtmf: 8, goto: {return: sold}}
      plain: {dtmf: 9, goto: plain}
      book: {dtmf: 0, goto: book}
    retry: {then: end}
  dial:
    do: [{connect: "447700900111", onAnswer: {run: whisper}}]
    on: {completed: end, otherwise: menu}
  book: {result: booked, do: [{talk: "Booked."}], goto: menu}
  plain:
    do: [{connect: "447700900111"}]
    on: {completed: end, otherwise: menu}
  room:
    do: [{conversation: team}]
    goto: end
  sub:
    run: silent
    on: {return: end}
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {then: end}
    goto: menu
"""
OTHER = """
flow: other
entry: true
start: ask
hooks: {done: {post: "https://example.com/done", json: {how: "{{ event.how }}", flow: "{{ flow }}"}}}
events: {ended: done}
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: end}}
    retry: {then: end}
"""
SILENT = """
flow: silent
entry: true
start: ask
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: return}}
    retry: {then: return}
"""
WHISPER = """
flow: whisper
start: say
hooks: {done: {post: "https://example.com/whispered"}}
events: {ended: done}
steps:
  say:
    do: [{talk: "A call for you."}]
    goto: end
"""


async def begun(store: Store) -> ServedCall:
    call = ServedCall(await service_of(store, MAIN, OTHER, SILENT, WHISPER))
    await call.ring()
    return call


@pytest.fixture
async def call(store: Store) -> ServedCall:
    return await begun(store)


async def play(call: ServedCall, acts: Sequence[str]) -> None:
    """Keys, statuses of the dialled party, its request for its own flow, and other webhooks."""
    for act in acts:
        match act:
            case "asks":
                token = call.ncco[0]["endpoint"][0]["onAnswer"]["url"].rpartition("/")[2]
                asked = delivery({"uuid": "party", "conversation_uuid": "CON-1"})
                await call.service.resume("onanswer", token, asked)
            case "connected":
                await call.post("notify", {"payload": {}, "conversation_uuid": "CON-1"})
            case "joins":
                moved = {"conversation_uuid_from": "CON-1", "conversation_uuid_to": "CON-2", "type": "transfer"}
                await call.service.event(delivery({**moved, "uuid": LEG}))
            case "transferred":
                await call.ring("other", conversation_uuid="CON-2")
            case "user" | "platform":
                await call.hang_up(disconnected_by=act)
            case key if key.isdigit():
                await call.press(key)
            case status:
                await call.dial(status)


async def told(store: Store) -> dict[str, Any]:
    """The body of each hook, by its name."""
    return {hook.name: orjson.loads(hook.body) for hook in await store.hooks.first(100)}


ENDS: dict[str, tuple[list[str], tuple[str, str, str, str | None, str, str]]] = {
    "a caller who hangs up": (["user"], ("main", "menu", "hangup", None, "missed", "T1")),
    "a flow that has ended": (["1", "platform"], ("main", "", "completed", None, "served", "T1")),
    "an outcome": (["8", "user"], ("main", "", "completed", "sold", "served", "T1")),
    "an own result": (["0", "user"], ("main", "menu", "hangup", "booked", "own", "T1")),
    "an own result before an outcome": (["0", "8", "user"], ("main", "", "completed", "booked", "own", "T1")),
    "an own result, then a person": (
        ["0", "9", "answered", "completed", "platform"],
        ("main", "plain", "completed", "booked", "person", "T1"),
    ),
    "a dial at the end of a flow": (
        ["9", "answered", "completed", "platform"],
        ("main", "plain", "completed", None, "person", "T1"),
    ),
    "a dial that goes on": (["9", "answered", "platform"], ("main", "plain", "hangup", None, "person", "T1")),
    "a caller who hangs up as the party does": (
        ["9", "answered", "completed", "user"],
        ("main", "plain", "hangup", None, "person", "T1"),
    ),
    "a dial whose party hears a flow": (
        ["2", "asks", "answered", "completed", "connected", "platform"],
        ("main", "", "completed", None, "person", "T1"),
    ),
    "a caller who leaves a conversation": (["3", "joins", "user"], ("main", "room", "hangup", None, "served", "T1")),
    "a conversation that ends": (["3", "joins", "platform"], ("main", "", "completed", None, "served", "T1")),
    "a sub-flow without the event": (["4", "user"], ("silent", "ask", "hangup", None, "missed", "T1")),
    "a flow without the event that took the call over": (
        ["6", "user"],
        ("silent", "ask", "hangup", None, "missed", ""),
    ),
    "a sensitive variable is not sent": (["7", "4711", "user"], ("main", "menu", "hangup", None, "missed", "T1")),
}


@each_case(("acts", "expected"), ENDS.values(), ids=ENDS)
async def test_the_end_of_a_call_is_reported_with_its_place_and_result(acts: list[str], expected: object) -> None:
    async with open_store("memory://") as store:
        await play(await begun(store), acts)
        hooks = await told(store)

    data = hooks["over"]["data"]
    event = data["event"]
    assert expected == (
        *(data["flow"], data["step"], event["how"], event.get("result"), event["call_result"]),
        data["variables"].pop("ticket"),
    )
    assert {} == data["variables"]


async def test_nothing_is_reported_while_the_caller_stays(call: ServedCall, store: Store) -> None:
    await play(call, ["2", "asks", "answered", "completed", "connected"])

    assert {} == await told(store)


async def test_the_flow_that_the_call_was_handed_to_reports_the_end(call: ServedCall, store: Store) -> None:
    await play(call, ["5", "user"])

    assert {"done": {"how": "hangup", "flow": "other"}} == await told(store)


@each_case(
    ("acts", "hooks"),
    [
        (["user", "user"], ["left", "over"]),
        (["transferred", "user"], ["done", "left"]),
        (["user", "transferred", "user"], ["left", "over"]),
    ],
)
async def test_an_end_is_reported_once(acts: list[str], hooks: list[str]) -> None:
    async with open_store("memory://") as store:
        await play(await begun(store), acts)
        found = [hook.name for hook in await store.hooks.first(100)]

    assert hooks == sorted(found)


async def test_a_flow_without_the_event_leaves_the_report_to_a_flow_after_the_end(store: Store) -> None:
    call = ServedCall(await service_of(store, OTHER, SILENT))
    await call.ring("silent")
    await play(call, ["user", "transferred", "user"])

    assert ["done"] == [*await told(store)]


async def test_the_id_of_an_end_depends_on_its_leg_only(call: ServedCall, store: Store) -> None:
    await call.hang_up()

    assert "msg_fa194170b88182442b2f84b1c6ca45f0" in [hook.id for hook in await store.hooks.first(9)]


@pytest.fixture(params=["memory", "postgres"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with make_postgres() if request.param == "postgres" else open_store("memory://") as store:
        yield store


async def test_an_end_during_a_turn_is_reported_once_and_with_the_step_after_it(any_store: Store) -> None:
    call = await begun(any_store)
    for number in range(20):
        leg = f"leg-{number}"
        await call.ring(uuid=leg, conversation_uuid=f"CON-{number}")
        await asyncio.gather(call.press("4"), *(call.hang_up(uuid=leg) for _ in range(3)))
    hooks = [hook for hook in await any_store.hooks.first(100) if hook.name == "over"]
    flows = {hook.session: orjson.loads(hook.body)["data"]["flow"] for hook in hooks}
    rows = [row for session in flows if (row := await any_store.load(session))]

    assert 20 == len(hooks) == len(flows)
    assert {row.id: orjson.loads(row.state).get("at") or "main" for row in rows} == flows


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("is_damaged", [False, True])
async def test_a_call_that_can_no_longer_be_read_ends(store: Store, *, is_damaged: bool, is_lost: bool) -> None:
    if is_damaged:
        await store.open_call(*new_call(LEG, state=b"damaged"))
    else:
        await ServedCall(await service_of(store, SIMPLE.format(text="Hello."))).ring()
    service = await service_of(NoRevisions(store), SIMPLE.format(text="Good day."))
    if is_lost:
        ended = [await end_lost(service, id_, NOON) for id_ in ("leg-0", LEG, LEG)]
        assert [False, True, False] == ended
    else:
        await service.event(delivery({"status": "completed", "uuid": LEG}))
    async with store.records() as records:
        (row,) = await results_of(records)

    assert ("inbound", "" if is_damaged else "447700900123", "") == (row.direction, row.party, row.name)
    assert is_lost == (row.ended_at is None)
