"""The end of a call is reported once, whoever hung up and in whatever flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ncco_server.store import HookRow, Store, open_store
from tests.support.postgres_stores import make_postgres
from tests.unit.server.service.served_call import LEG, ServedCall, delivery, service_at

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
OVER = {"status": "completed", "uuid": LEG, "direction": "inbound", "duration": "7", "price": "0.01390000"}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "postgres":
        store = make_postgres()
    else:
        store = open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/calls.db")
    async with store:
        yield store


@pytest.fixture
async def call(store: Store, tmp_path: Path) -> ServedCall:
    flows = tmp_path / "flows"
    flows.mkdir()
    for name, text in {"main": MAIN, "other": OTHER, "silent": SILENT, "whisper": WHISPER}.items():
        (flows / f"{name}.yaml").write_text(text)
    return ServedCall(await service_at(store, flows))


async def hang_up(call: ServedCall, **fields: Any) -> None:
    await call.service.event(delivery({**OVER, **fields}))


async def sent(store: Store) -> list[HookRow]:
    return sorted(await store.hooks.first(100), key=lambda hook: hook.name)


async def over(store: Store) -> dict[str, Any]:
    """The data of the one hook that reports the end."""
    (row,) = [hook for hook in await store.hooks.first(100) if hook.name == "over"]
    data: dict[str, Any] = orjson.loads(row.body)["data"]
    return data


async def test_a_caller_who_hangs_up_ends_the_call(call: ServedCall, store: Store) -> None:
    await call.ring()
    await hang_up(call, disconnected_by="user")

    told = await over(store)
    assert ["left", "over"] == [hook.name for hook in await sent(store)]
    assert ("main", "menu", {"ticket": "T1"}) == (told["flow"], told["step"], told["variables"])
    assert {
        "name": "ended",
        "direction": "inbound",
        "uuid": LEG,
        "status": "completed",
        "duration": "7",
        "price": "0.01390000",
        "disconnected_by": "user",
        "how": "hangup",
        "call_result": "missed",
    } == told["event"]


async def test_a_flow_that_has_ended_ends_the_call(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("1")
    await hang_up(call)

    told = await over(store)
    assert ["over"] == [hook.name for hook in await sent(store)]
    assert ("main", "", "completed") == (told["flow"], told["step"], told["event"]["how"])


async def test_the_outcome_of_the_flow_is_the_result(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("8")
    await hang_up(call)

    event = (await over(store))["event"]
    assert ("completed", "sold") == (event["how"], event["result"])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("0", ("hangup", "booked", "own")),
        ("08", ("completed", "booked", "own")),
        ("09", ("completed", "booked", "person")),
    ],
)
async def test_the_flows_own_result_wins_over_the_outcome(
    call: ServedCall, store: Store, keys: str, words: tuple[str, str, str]
) -> None:
    await call.ring()
    for key in keys:
        await call.press(key)
    if keys.endswith("9"):
        await call.dial("answered")
        await call.dial("completed")
    await hang_up(call, disconnected_by="platform" if keys.endswith("9") else "user")

    event = (await over(store))["event"]
    assert words == (event["how"], event["result"], event["call_result"])


async def test_a_completed_dial_ends_the_call_only_when_the_caller_leaves(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("2")
    token = call.ncco[0]["endpoint"][0]["onAnswer"]["url"].rpartition("/")[2]
    await call.service.resume("onanswer", token, delivery({"uuid": "party", "conversation_uuid": "CON-1"}))
    await call.dial("answered")
    await call.dial("completed")
    await call.post("notify", {"payload": {}, "conversation_uuid": "CON-1"})
    before = await sent(store)
    await hang_up(call, disconnected_by="platform")

    told = await over(store)
    assert [] == before
    assert ["over"] == [hook.name for hook in await sent(store)]
    assert ("main", "", "completed") == (told["flow"], told["step"], told["event"]["how"])


async def test_a_dial_at_the_end_of_a_flow_ends_the_call_in_its_step(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("9")
    await call.dial("answered")
    await call.dial("completed")
    await hang_up(call, disconnected_by="platform")

    told = await over(store)
    assert ["over"] == [hook.name for hook in await sent(store)]
    assert ("main", "plain", "completed") == (told["flow"], told["step"], told["event"]["how"])


@pytest.mark.parametrize(("by", "how"), [("user", "hangup"), ("platform", "completed")])
async def test_a_conversation_ends_the_call(call: ServedCall, store: Store, by: str, how: str) -> None:
    await call.ring()
    await call.press("3")
    fields = {"conversation_uuid_from": "CON-1", "conversation_uuid_to": "CON-2", "uuid": LEG, "type": "transfer"}
    await call.service.event(delivery(fields))
    await hang_up(call, disconnected_by=by, conversation_uuid="CON-2")

    assert how == (await over(store))["event"]["how"]


async def test_the_waiting_flow_reports_an_end_in_a_flow_without_the_event(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("4")
    await hang_up(call)

    told = await over(store)
    assert ("silent", "ask", {"ticket": "T1"}) == (told["flow"], told["step"], told["variables"])


async def test_the_flow_that_the_call_was_handed_to_reports_the_end(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("5")
    await hang_up(call)

    assert ["done"] == [hook.name for hook in await sent(store)]
    assert {"how": "hangup", "flow": "other"} == orjson.loads((await sent(store))[0].body)


async def test_otherwise_the_flow_that_started_the_call_reports_the_end(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("6")
    await hang_up(call)

    told = await over(store)
    assert ("silent", "ask", {"ticket": ""}) == (told["flow"], told["step"], told["variables"])


async def test_sensitive_variables_are_not_sent(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.press("7")
    await call.press("4711")
    await hang_up(call)

    assert {"ticket": "T1"} == (await over(store))["variables"]


async def test_an_end_is_reported_once_however_often_it_is_delivered(call: ServedCall, store: Store) -> None:
    await call.ring()
    await asyncio.gather(*(hang_up(call) for _ in range(10)))
    await hang_up(call)

    assert ["left", "over"] == [hook.name for hook in await sent(store)]


async def test_a_leg_that_was_transferred_ends_in_its_last_flow(call: ServedCall, store: Store) -> None:
    await call.ring()
    await call.ring("other", conversation_uuid="CON-2")
    await hang_up(call)

    assert ["done", "left"] == [hook.name for hook in await sent(store)]


async def test_an_answer_webhook_after_the_end_reports_no_second_end(call: ServedCall, store: Store) -> None:
    await call.ring()
    await hang_up(call)
    await call.ring("other", conversation_uuid="CON-2")
    await hang_up(call)

    assert ["left", "over"] == [hook.name for hook in await sent(store)]


async def test_the_id_of_an_end_depends_on_its_leg_only(call: ServedCall, store: Store) -> None:
    await call.ring()
    await hang_up(call)
    (first,) = [hook.id for hook in await sent(store) if hook.name == "over"]

    assert "msg_fa194170b88182442b2f84b1c6ca45f0" == first


async def test_an_end_during_a_turn_reports_the_step_after_it(call: ServedCall, store: Store) -> None:
    for number in range(20):
        leg = f"leg-{number}"
        await call.ring(uuid=leg, conversation_uuid=f"CON-{number}")
        await asyncio.gather(call.press("4"), hang_up(call, uuid=leg))
    rows = {hook.session: hook for hook in await sent(store) if hook.name == "over"}
    steps = {session: orjson.loads(hook.body)["data"]["flow"] for session, hook in rows.items()}
    found = [row for session in rows if (row := await store.load(session))]
    states = {row.id: orjson.loads(row.state).get("at") or "main" for row in found}

    assert 20 == len(rows)
    assert states == steps
