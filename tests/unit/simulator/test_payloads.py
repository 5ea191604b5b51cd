"""Webhooks have the shape of real and documented ones: the same keys, the same JSON types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Response
from tests.support.cases import each_case
from tests.unit.simulator.scripted_server import BASE, FROM, TO, Line, ask, dial, playing, talk, url
from tests.unit.simulator.webhook_shapes import sample, shape

PARTY = "447700900456"
SOCKET = "wss://example.com/socket"


def socket(**options: Any) -> dict[str, Any]:
    endpoint = {"type": "websocket", "uri": SOCKET, "headers": {"caller-id": FROM}}
    return {"action": "connect", "endpoint": [endpoint], **options}


async def told(line: Line, act: Callable[[Leg], Any] | None = None) -> list[dict[str, Any]]:
    """All webhooks of a call of 3 seconds."""
    call = await line.call()
    await (act(call) if act is not None else call.listen())
    await line.vonage.run()
    return line.bodies("event")


def status_of(bodies: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return [body for body in bodies if body.get("status") == status][-1]


def dialled(**options: Any) -> dict[str, Any]:
    """A connect whose statuses go to the application."""
    return {name: value for name, value in dial(**options).items() if name != "eventUrl"}


def party(outcome: Any, address: str = PARTY) -> dict[str, Behaviour]:
    return {address: Behaviour(outcome)}


RECORD = {"action": "record", "timeOut": 3, "eventUrl": url("record")}
NOTIFY = {"action": "notify", "payload": {"foo": "bar"}, "eventUrl": url("notify")}
DETECT = dial(advancedMachineDetection={"behavior": "continue", "mode": "detect_beep"})
ROOM = {"action": "conversation", "name": "weekly"}
BOTH = ask(type=["dtmf", "speech"])
STATES = [
    ("12-event-started", "started", Line({"answer": [talk("one")]})),
    ("15-event-ringing", "ringing", Line({"answer": [talk("one")]})),
    ("13-event-answered", "answered", Line({"answer": [talk("one")]})),
    ("own-completed", "completed", Line({"answer": [talk("one")]})),
    ("00-event-failed", "failed", Line({"answer": [dialled()]}, party("failed"))),
    ("20-event-rejected", "rejected", Line({"answer": [dialled()]}, party("rejected"))),
    ("own-timeout", "timeout", Line({"answer": [dialled()]}, party("timeout"))),
    ("14-event-unanswered", "unanswered", Line({"answer": [socket()]}, party("unanswered", SOCKET))),
    ("18-event-disconnected", "disconnected", Line({"answer": [socket()]}, party("disconnected", SOCKET))),
]


@each_case(("like", "status", "line"), STATES, ids=[like for like, *_ in STATES])
async def test_a_leg_reports_these_statuses(like: str, status: str, line: Line) -> None:
    assert shape(sample(like)) == shape(status_of(await told(line), status))


async def test_a_busy_party_is_reported() -> None:
    """`sip_code` appears in newer traffic."""
    bodies = await told(Line({"answer": [dialled()]}, party("busy")))

    assert shape(sample("own-busy")) | {"sip_code": "int"} == shape(status_of(bodies, "busy"))


async def test_a_cancelled_dial_is_reported() -> None:
    async def give_up(call: Leg) -> None:
        await call.listen(until=1)
        await call.hang_up()

    bodies = await told(Line({"answer": [dialled()]}), give_up)

    assert shape(sample("own-cancelled")) == shape(status_of(bodies, "cancelled"))


Act = Callable[[Leg], Any]
OTHERS: list[tuple[str, str, str, Line, Act | None]] = [
    ("own-human", "connect", "call_uuid", Line({"answer": [DETECT]}, party("human")), None),
    ("own-machine", "connect", "call_uuid", Line({"answer": [DETECT]}, party("beep")), None),
    ("10-notify", "notify", "", Line({"answer": [NOTIFY]}), None),
    ("own-notify-get", "notify", "", Line({"answer": [NOTIFY | {"eventMethod": "GET"}]}), None),
    ("22-record", "record", "", Line({"answer": [RECORD]}), lambda call: call.silence()),
    ("27-record", "record", "", Line({"answer": [RECORD]}), lambda call: call.silence()),
    ("23-record", "record", "", Line({"answer": [RECORD | {"eventMethod": "GET"}]}), lambda call: call.silence()),
    (
        "own-transcription",
        "record",
        "transcription_url",
        Line({"answer": [RECORD | {"transcription": {}}]}),
        lambda call: call.silence(),
    ),
    ("own-transfer-live", "event", "type", Line({"answer": [ROOM]}), lambda call: call.hang_up()),
    ("07-error", "event", "reason", Line({"answer": playing([{"action": "hangup"}])}), None),
    (
        "21-input-dtmf",
        "input",
        "",
        Line({"answer": [ask(eventMethod="GET")]}),
        lambda call: call.press("1234"),
    ),
    (
        "16-input-speech",
        "input",
        "",
        Line({"answer": [ask(type=["speech"], speech={"saveAudio": True})]}),
        lambda call: call.speak("sales", ("sails", 0.7)),
    ),
    ("own-input-silence", "input", "", Line({"answer": [BOTH]}), lambda call: call.silence()),
    (
        "own-input-asynchronous",
        "input",
        "",
        Line({"answer": [ask(mode="asynchronous"), {"action": "wait"}]}),
        lambda call: call.press("5"),
    ),
]


@each_case(("like", "path", "key", "line", "act"), OTHERS, ids=[like for like, *_ in OTHERS])
async def test_other_webhooks_have_the_documented_shape(
    like: str, path: str, key: str, line: Line, act: Act | None
) -> None:
    await told(line, act)

    assert shape(sample(like)) == shape(next(body for body in line.bodies(path) if not key or key in body))


async def test_answer_by_get_has_the_order_of_live_traffic() -> None:
    line = Line({"answer": [talk("one")]}, answer_method="GET")
    await told(line)

    assert shape(sample("own-answer-get")) == shape(line.bodies("answer")[0])
    assert ["to", "endpoint_type", "from", "conversation_uuid", "uuid", "region_url"] == list(line.bodies("answer")[0])


async def test_answer_of_a_client_sdk_user() -> None:
    """`from` is absent; custom_data is JSON on GET. Source: webhook reference, Answer."""
    line = Line({"answer": [talk("one")]}, answer_method="GET")

    await line.call(from_=None, from_user="alice", endpoint_type="app", custom_data={"orderId": "A-17"})

    assert shape(sample("own-answer-app")) | {"region_url": "str"} == shape(line.bodies("answer")[0])
    assert '{"orderId":"A-17"}' == line.bodies("answer")[0]["custom_data"]
    assert shape(sample("06-event-started")) == shape(line.bodies("event")[0])


async def test_answer_of_a_sip_call_has_its_headers_on_top_and_events_have_them_nested() -> None:
    line = Line({"answer": [talk("one")]})
    headers = {"X-Tenant": "blue", "User-to-User": "abcd;encoding=hex"}

    await line.call(endpoint_type="sip", sip_headers=headers)

    assert shape(sample("own-answer-sip")) | {"region_url": "str"} == shape(line.bodies("answer")[0])
    assert headers == line.bodies("event")[0]["headers"]


async def test_fallback_of_an_answer() -> None:
    line = Line({"answer": Response(500), "fallback": [talk("one")]})
    await told(line)

    more = {"endpoint_type": "str", "region_url": "str"}
    assert shape(sample("own-fallback-answer")) | more == shape(line.bodies("fallback")[0])


async def test_fallback_of_an_input_by_get() -> None:
    line = Line({"answer": [ask()], "input": Response(500)}, answer_method="GET")
    await told(line, lambda call: call.press("1234"))

    more = {"speech": "str"}
    assert shape(sample("own-fallback-input")) | more == shape(line.bodies("fallback")[0])


async def test_times_are_virtual_and_of_the_documented_precision() -> None:
    line = Line({"answer": [talk("one two three four")]})
    bodies = await told(line)

    last = status_of(bodies, "completed")
    assert ("2026-03-04T09:15:27.000Z", "2026-03-04T09:15:28.000Z") == (last["start_time"], last["end_time"])
    assert "2026-03-04T09:15:28.548Z" == last["timestamp"]
    assert ("2", "0.00390000", "0.00010062") == (last["duration"], last["rate"], last["price"])


async def test_ids_look_real_and_are_the_same_in_every_run() -> None:
    first, second = Line({"answer": [talk("one")]}), Line({"answer": [talk("one")]})

    calls = await first.call(), await second.call()

    assert (32, 40, "CON-") == (len(calls[0].uuid), len(calls[0].conversation.uuid), calls[0].conversation.uuid[:4])
    assert (calls[0].uuid, first.server.requests) == (calls[1].uuid, second.server.requests)
    assert (TO, BASE) == (first.bodies("answer")[0]["to"], BASE)
