"""Webhooks have the shape of real and documented ones: the same keys, the same JSON types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.simulator import Behaviour, Leg, Response
from tests.unit.simulator.scripted_server import BASE, FROM, TO, Line, ask, dial, playing, talk, url
from tests.unit.simulator.webhook_shapes import sample, shape

PARTY = "447700900456"
SOCKET = "wss://example.com/socket"


def socket(**options: Any) -> dict[str, Any]:
    endpoint = {"type": "websocket", "uri": SOCKET, "headers": {"caller-id": FROM}}
    return {"action": "connect", "endpoint": [endpoint], **options}


async def told(line: Line, act: Callable[[Leg], Any] | None = None) -> list[dict[str, Any]]:
    """Everything that a call of 3 seconds tells the application."""
    call = await line.call()
    await (act(call) if act is not None else call.listen())
    await line.vonage.run()
    return line.bodies("event")


def status_of(bodies: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return [body for body in bodies if body.get("status") == status][-1]


@pytest.mark.parametrize(
    ("status", "like"),
    [("started", "12-event-started"), ("ringing", "15-event-ringing"), ("answered", "13-event-answered"),
     ("completed", "own-completed")],
)  # fmt: skip
async def test_states_of_the_caller(status: str, like: str) -> None:
    bodies = await told(Line({"answer": [talk("one")]}))

    assert shape(sample(like)) == shape(status_of(bodies, status))


@pytest.mark.parametrize(
    ("status", "like"),
    [("failed", "00-event-failed"), ("rejected", "20-event-rejected"), ("timeout", "own-timeout")],
)
async def test_states_of_a_party_that_does_not_answer(status: Any, like: str) -> None:
    action = {name: value for name, value in dial().items() if name != "eventUrl"}
    bodies = await told(Line({"answer": [action]}, {PARTY: Behaviour(status)}))

    assert shape(sample(like)) == shape(status_of(bodies, status))


async def test_a_busy_party() -> None:
    """`sip_code` is of newer traffic."""
    action = {name: value for name, value in dial().items() if name != "eventUrl"}
    bodies = await told(Line({"answer": [action]}, {PARTY: Behaviour("busy")}))

    assert shape(sample("own-busy")) | {"sip_code": "int"} == shape(status_of(bodies, "busy"))


async def test_a_cancelled_dial() -> None:
    action = {name: value for name, value in dial().items() if name != "eventUrl"}
    bodies = await told(Line({"answer": [action]}), lambda call: call.hang_up(at=1))

    assert shape(sample("own-cancelled")) == shape(status_of(bodies, "cancelled"))


@pytest.mark.parametrize(("outcome", "like"), [("human", "own-human"), ("beep", "own-machine")])
async def test_machine_detection(outcome: Any, like: str) -> None:
    action = dial(advancedMachineDetection={"behavior": "continue", "mode": "detect_beep"})
    line = Line({"answer": [action]}, {PARTY: Behaviour(outcome)})
    await told(line)

    assert shape(sample(like)) == shape(next(body for body in line.bodies("connect") if "call_uuid" in body))


@pytest.mark.parametrize(
    ("outcome", "like"), [("unanswered", "14-event-unanswered"), ("disconnected", "18-event-disconnected")]
)
async def test_states_of_a_websocket(outcome: Any, like: str) -> None:
    line = Line({"answer": [socket()]}, {SOCKET: Behaviour(outcome)})
    body = status_of(await told(line), outcome)

    assert shape(sample(like)) == shape(body)
    assert {"caller-id": FROM} == body["headers"]


async def test_notify() -> None:
    line = Line({"answer": [{"action": "notify", "payload": {"foo": "bar"}, "eventUrl": url("notify")}]})
    await told(line)

    assert shape(sample("10-notify")) == shape(line.bodies("notify")[0])


async def test_notify_by_get() -> None:
    action = {"action": "notify", "payload": {"step": "a"}, "eventUrl": url("notify"), "eventMethod": "GET"}
    line = Line({"answer": [action]})
    await told(line)

    assert shape(sample("own-notify-get")) == shape(line.bodies("notify")[0])


@pytest.mark.parametrize(("method", "like"), [("POST", "22-record"), ("POST", "27-record"), ("GET", "23-record")])
async def test_record(method: str, like: str) -> None:
    line = Line({"answer": [{"action": "record", "timeOut": 3, "eventUrl": url("record"), "eventMethod": method}]})
    await told(line, lambda call: call.silence())

    assert shape(sample(like)) == shape(line.bodies("record")[0])


async def test_transcription() -> None:
    line = Line({"answer": [{"action": "record", "timeOut": 3, "transcription": {}, "eventUrl": url("record")}]})
    await told(line, lambda call: call.silence())

    assert shape(sample("own-transcription")) == shape(line.bodies("record")[1])


async def test_transfer() -> None:
    bodies = await told(Line({"answer": [{"action": "conversation", "name": "weekly"}]}), lambda call: call.hang_up())

    assert shape(sample("own-transfer-live")) == shape(next(body for body in bodies if "type" in body))


async def test_error() -> None:
    bodies = await told(Line({"answer": playing([{"action": "hangup"}])}))

    assert shape(sample("07-error")) == shape(next(body for body in bodies if "reason" in body))


async def test_input_of_keys_by_get() -> None:
    line = Line({"answer": [ask(eventMethod="GET")]}, unasked_speech="error")
    await told(line, lambda call: call.press("1234"))

    assert shape(sample("21-input-dtmf")) == shape(line.bodies("input")[0])


async def test_input_of_speech() -> None:
    line = Line({"answer": [ask(type=["speech"], speech={"saveAudio": True})]})
    await told(line, lambda call: call.speak("sales", ("sails", 0.7)))

    assert shape(sample("16-input-speech")) == shape(line.bodies("input")[0])


async def test_input_of_silence() -> None:
    line = Line({"answer": [ask(type=["dtmf", "speech"])]})
    await told(line, lambda call: call.silence())

    assert shape(sample("own-input-silence")) == shape(line.bodies("input")[0])


async def test_input_of_one_key() -> None:
    line = Line({"answer": [ask(mode="asynchronous"), {"action": "wait"}]})
    await told(line, lambda call: call.press("5"))

    assert shape(sample("own-input-asynchronous")) == shape(line.bodies("input")[0])


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


async def test_ids_look_like_live_ones_and_are_the_same_in_every_run() -> None:
    first, second = Line({"answer": [talk("one")]}), Line({"answer": [talk("one")]})

    calls = await first.call(), await second.call()

    assert (32, 40, "CON-") == (len(calls[0].uuid), len(calls[0].conversation.uuid), calls[0].conversation.uuid[:4])
    assert (calls[0].uuid, first.server.requests) == (calls[1].uuid, second.server.requests)
    assert (TO, BASE) == (first.bodies("answer")[0]["to"], BASE)
