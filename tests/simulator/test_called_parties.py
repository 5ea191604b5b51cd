"""Called parties with an NCCO of their own, machines, and WebSockets.

Source: NCCO reference, Phone (onAnswer) and Connect; webhook reference, Machine detection; WebSocket guide.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import ENDLESS, Behaviour, HangUp, Keys, Response, Silence, Words
from tests.simulator.scripted_server import BASE, FROM, TO, Line, ask, dial, heard, playing, sounds, talk, url

PARTY = "447700900456"
SOCKET = "wss://bot.example.com/socket"


def whispering(**options: Any) -> dict[str, Any]:
    endpoint = {"type": "phone", "number": PARTY, "onAnswer": {"url": f"{BASE}/whisper", **options}}
    return dial() | {"endpoint": [endpoint]}


def detecting(**options: Any) -> dict[str, Any]:
    return dial(advancedMachineDetection={"behavior": "continue", **options})


def socket(**options: Any) -> dict[str, Any]:
    headers = {"tenant": "blue"}
    endpoint = {"type": "websocket", "uri": SOCKET, "content-type": "audio/l16;rate=16000", "headers": headers}
    return {"action": "connect", "endpoint": [endpoint], "eventUrl": url("connect"), **options}


async def test_the_called_party_hears_its_own_ncco_before_it_is_joined() -> None:
    line = Line({"answer": [whispering()], "whisper": [talk("one two three")]})

    call = await line.call()
    await call.listen()

    assert [(0.0, "talk", "one two three"), (1.161, "joined", FROM)] == heard(call.dialled[0])[:2]
    assert [(0.0, "ringing", PARTY), (5.161, "joined", PARTY)] == heard(call)[:2]


async def test_it_is_asked_for_with_the_fields_of_an_answer() -> None:
    line = Line({"answer": [whispering()], "whisper": [talk("one")]})

    call = await line.call()
    await call.listen()

    assert {
        "to": PARTY, "endpoint_type": "phone", "from": TO, "conversation_uuid": call.conversation_uuid,
        "uuid": call.dialled[0].uuid, "region_url": "https://api-eu-3.vonage.com",
    } == line.bodies("whisper")[0]  # fmt: skip


@pytest.mark.parametrize("name", ["ringbackTone", "ringback"])
async def test_the_caller_hears_the_ringback_tone_meanwhile(name: str) -> None:
    line = Line({"answer": [whispering(**{name: f"{BASE}/tone.mp3"})], "whisper": [talk("one two three")]})

    call = await line.call()
    await call.listen()

    assert ("tone", 5.161) == (call.transcript[0].kind, call.transcript[0].seconds)


async def test_the_called_party_follows_its_script() -> None:
    script = (Silence(), Words("yes please"), Keys("1"))
    asking = [talk("Take the call?"), ask("taken", type=["dtmf", "speech"])]
    line = Line(
        {"answer": [whispering()], "whisper": asking, "taken": (playing(asking), playing(asking), Response(204))},
        {PARTY: Behaviour(script=script)},
    )

    call = await line.call()
    await call.listen()

    assert [
        "talk Take the call?", "talk Take the call?", "spoke yes please", "talk Take the call?", "pressed 1",
        f"joined {FROM}", "hung up",
    ] == sounds(call.dialled[0])  # fmt: skip
    assert "start_timeout" == line.bodies("taken")[0]["speech"]["timeout_reason"]


async def test_a_party_that_hangs_up_in_its_ncco_is_not_joined() -> None:
    line = Line(
        {"answer": [whispering(), talk("next")], "whisper": [talk("Take it?"), ask("taken")]},
        {PARTY: Behaviour(script=(HangUp(),))},
    )

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk next", "ended"] == sounds(call)


@pytest.mark.parametrize(("talks_s", "left_at"), [(20.0, 20.0), (ENDLESS, 7200.0)])
async def test_a_party_that_is_kept_waiting_hangs_up_at_last(talks_s: float, left_at: float) -> None:
    line = Line(
        {"answer": [whispering()], "whisper": [{"action": "wait", "timeout": 7200}]},
        {PARTY: Behaviour(talks_s=talks_s)},
    )

    call = await line.call()
    await call.listen(until=left_at + 5)

    assert left_at == call.dialled[0].transcript[0].at


async def test_a_called_party_can_be_played_by_hand() -> None:
    line = Line({"answer": [whispering()], "whisper": [ask("taken", dtmf={"maxDigits": 1})]})

    call = await line.call()
    await call.listen(until=4.5)
    await call.dialled[0].press("1")
    await call.listen()

    assert [(4.0 + 0.5, "joined", PARTY)] == heard(call)[1:2]


async def test_a_caller_that_hangs_up_ends_the_whisper() -> None:
    line = Line({"answer": [whispering()], "whisper": [talk("long " * 50)]})

    call = await line.call()
    await call.hang_up(at=6)
    await line.vonage.run()

    assert ["talk " + ("long " * 50).strip(), "ended"] == sounds(call.dialled[0])


async def test_no_ncco_for_the_called_party_ends_its_leg() -> None:
    """As for every answered call without an NCCO (unverified for this one)."""
    line = Line({"answer": [whispering(), talk("next")], "whisper": Response(500), "fallback": Response(500)})

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk next", "ended"] == sounds(call)
    assert "answer" == line.bodies("fallback")[0]["original_request"]["type"]


async def test_a_caller_may_hang_up_while_the_whisper_is_asked_for() -> None:
    line = Line({"answer": [whispering()], "whisper": playing([talk("one")], seconds=2)})

    call = await line.call()
    await call.hang_up(at=5)
    await line.vonage.run()

    assert ["ended"] == sounds(call.dialled[0])


@pytest.mark.parametrize(("outcome", "status"), [("human", "human"), ("answered", "human"), ("machine", "machine")])
async def test_machine_detection_tells_who_answered(outcome: Any, status: str) -> None:
    """The id is call_uuid, and there is no direction. Source: webhook reference, Machine detection."""
    line = Line({"answer": [dial(machineDetection="continue")]}, {PARTY: Behaviour(outcome)})

    call = await line.call()
    await call.listen()

    body = line.bodies("connect")[3]
    assert (status, call.dialled[0].uuid) == (body["status"], body["call_uuid"])
    assert not {"uuid", "direction"} & body.keys()
    assert f"joined {PARTY}" in sounds(call)


async def test_a_machine_can_be_hung_up_on() -> None:
    line = Line({"answer": [dial(machineDetection="hangup"), talk("next")]}, {PARTY: Behaviour("machine")})

    call = await line.call()
    await call.listen()

    assert (9.0, "talk", "next") == heard(call)[3]


async def test_a_machine_plays_what_the_reply_says() -> None:
    replies = (Response(200), Response(200), Response(200), playing([talk("A machine.")]))
    line = Line(
        {"answer": [dial(machineDetection="continue"), talk("not heard")], "connect": replies},
        {PARTY: Behaviour("machine")},
    )

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", f"joined {PARTY}", f"left {PARTY}", "talk A machine.", "ended"] == sounds(call)


@pytest.mark.parametrize(
    ("mode", "outcome", "events"),
    [
        ("default", "beep", [(9.0, "machine", None), (16.0, "machine", "beep_start")]),
        ("default", "machine", [(9.0, "machine", None), (54.0, "machine", "beep_timeout")]),
        ("default", "human", [(9.0, "human", None)]),
        ("detect", "beep", [(9.0, "machine", None)]),
        ("detect", "human", [(9.0, "human", None)]),
        ("detect_beep", "beep", [(16.0, "machine", "beep_start")]),
        ("detect_beep", "machine", [(54.0, "machine", "beep_timeout")]),
        ("detect_beep", "human", [(9.0, "human", None)]),
    ],
)
async def test_advanced_detection_has_its_modes(mode: str, outcome: Any, events: list[Any]) -> None:
    """Source: Voice API specification, advanced machine detection (mode)."""
    line = Line({"answer": [detecting(mode=mode)]}, {PARTY: Behaviour(outcome, talks_s=90)})

    call = await line.call()
    await call.listen()

    assert events == [
        (delivery.at, delivery.fields["status"], delivery.fields.get("sub_state"))
        for delivery in call.log
        if "call_uuid" in delivery.fields
    ]


@pytest.mark.parametrize(("mode", "joined_at"), [("default", 4.0), ("detect", 9.0)])
async def test_the_synchronous_modes_join_nobody_before_the_result(mode: str, joined_at: float) -> None:
    line = Line({"answer": [detecting(mode=mode)]}, {PARTY: Behaviour("human")})

    call = await line.call()
    await call.listen()

    assert (joined_at, "joined", PARTY) == heard(call)[1]


async def test_a_synchronous_mode_can_replace_before_anybody_is_joined() -> None:
    replies = (Response(200), Response(200), Response(200), playing([talk("A machine.")]))
    line = Line({"answer": [detecting()], "connect": replies}, {PARTY: Behaviour("machine")})

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk A machine.", "ended"] == sounds(call)


async def test_advanced_detection_can_hang_up() -> None:
    hanging = dial(advancedMachineDetection={"behavior": "hangup"})
    line = Line({"answer": [hanging, talk("next")]}, {PARTY: Behaviour("machine")})

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk next", "ended"] == sounds(call)


async def test_beep_timeout_bounds_the_wait() -> None:
    line = Line({"answer": [detecting(mode="detect_beep", beep_timeout=60)]}, {PARTY: Behaviour("machine", talks_s=1)})

    call = await line.call()
    await call.listen()

    assert (69.0, "joined", PARTY) == heard(call)[1]


async def test_a_party_that_hangs_up_early_is_not_analysed_to_the_end() -> None:
    line = Line({"answer": [dial(machineDetection="continue"), talk("next")]})

    call = await line.call()
    await call.listen(until=6)
    await call.dialled[0].hang_up()
    await call.listen()

    assert (6.0, "talk", "next") == heard(call)[3]


async def test_a_websocket_is_joined_at_once_and_has_its_own_fields() -> None:
    """Without direction, with the endpoint's metadata. Source: WebSocket guide."""
    line = Line({"answer": [socket()]})

    call = await line.call()
    await call.listen()

    assert (0.0, "joined", SOCKET) == heard(call)[1]
    body = line.bodies("connect")[-1]
    assert (SOCKET, {"tenant": "blue"}, TO) == (body["to"], body["headers"], body["from"])
    assert "direction" not in body


@pytest.mark.parametrize("options", [{}, {"eventType": "synchronous"}])
async def test_a_websocket_that_is_closed_plays_what_the_reply_says(options: dict[str, str]) -> None:
    """`disconnected` counts independently. Source: webhook reference, Connect events."""
    replies = (Response(200), Response(200), Response(200), playing([talk("The bot is gone.")]))
    line = Line(
        {"answer": [socket(**options), talk("not heard")], "connect": replies},
        {SOCKET: Behaviour("disconnected", talks_s=10)},
    )

    call = await line.call()
    await call.listen()

    assert (10.0, "talk", "The bot is gone.") == heard(call)[3]
    assert ["disconnected", "completed"] == [body["status"] for body in line.bodies("connect")[3:]]


async def test_a_websocket_that_is_closed_without_an_ncco_goes_on() -> None:
    line = Line({"answer": [socket(), talk("next")]}, {SOCKET: Behaviour("disconnected")})

    call = await line.call()
    await call.listen()

    assert "talk next" in sounds(call)


async def test_a_websocket_may_fail_to_answer() -> None:
    """Source: WebSocket guide, the example of an unanswered one."""
    line = Line({"answer": [socket(eventType="synchronous")]}, {SOCKET: Behaviour("unanswered")})

    call = await line.call()
    await call.listen()

    body = line.bodies("connect")[-1]
    assert {"headers", "from", "to", "uuid", "conversation_uuid", "status", "timestamp"} == body.keys()
