"""`connect`: what comes of a dial. Source: NCCO reference, Connect; webhook reference, Connect events."""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import ENDLESS, Behaviour, NothingToDecide, Response
from tests.simulator.scripted_server import FROM, TO, Line, dial, heard, playing, sounds, talk

PARTY = "447700900456"
SYNC = dial(eventType="synchronous")
FAILURES = ("busy", "timeout", "unanswered", "rejected", "failed")


def statuses(line: Line, path: str = "connect") -> list[str]:
    return [str(body["status"]) for body in line.bodies(path)]


async def test_a_dial_is_answered_and_the_next_action_follows_when_it_is_over() -> None:
    line = Line({"answer": [dial(), talk("Goodbye.")]}, {PARTY: Behaviour(rings_s=5, talks_s=60)})

    call = await line.call()
    await call.listen()

    assert [
        (0.0, "ringing", PARTY), (5.0, "joined", PARTY), (65.0, "left", PARTY), (65.0, "talk", "Goodbye."),
        (65.387, "ended", ""),
    ] == heard(call)  # fmt: skip
    assert ["started", "ringing", "answered", "completed"] == statuses(line)
    assert [(0.0, "joined", FROM), (60.0, "hung up", "")] == heard(call.dialled[0])


async def test_the_leg_that_is_dialled_has_its_own_uuid_in_the_same_conversation() -> None:
    line = Line({"answer": [dial()]})

    call = await line.call()
    await call.listen()

    body = line.bodies("connect")[-1]
    assert (TO, PARTY, "outbound") == (body["from"], body["to"], body["direction"])
    assert (call.dialled[0].uuid, call.conversation_uuid) == (body["uuid"], body["conversation_uuid"])
    assert ("30", "user") == (body["duration"], body["disconnected_by"])


@pytest.mark.parametrize("status", FAILURES)
async def test_a_failure_plays_the_reply_of_a_synchronous_connect(status: Any) -> None:
    replies = (Response(200), Response(200), playing([talk("instead")]))
    line = Line({"answer": [SYNC, talk("not heard")], "connect": replies}, {PARTY: Behaviour(status)})

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk instead", "ended"] == sounds(call)
    assert status == statuses(line)[2]


@pytest.mark.parametrize("status", FAILURES)
async def test_a_failure_goes_on_without_synchronous_whatever_the_reply(status: Any) -> None:
    line = Line({"answer": [dial(), talk("next")], "connect": [talk("not heard")]}, {PARTY: Behaviour(status)})

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "talk next", "ended"] == sounds(call)


@pytest.mark.parametrize("reply", [Response(200), Response(204), playing([])])
async def test_a_failure_without_an_ncco_goes_on(reply: Response) -> None:
    line = Line({"answer": [SYNC, talk("next")], "connect": reply}, {PARTY: Behaviour("busy")})

    call = await line.call()
    await call.listen()

    assert "talk next" in sounds(call)


async def test_an_empty_array_may_also_end_the_call() -> None:
    """No source says what [] does in reply to an event."""
    line = Line(
        {"answer": [SYNC, talk("next")], "connect": playing([])}, {PARTY: Behaviour("busy")}, empty_array="replace"
    )

    call = await line.call()
    await call.listen()

    assert [f"ringing {PARTY}", "ended"] == sounds(call)


async def test_the_reply_to_other_states_does_not_count() -> None:
    line = Line({"answer": [SYNC, talk("next")], "connect": [talk("not heard")]})

    call = await line.call()
    await call.listen()

    assert "talk next" in sounds(call)
    assert "talk not heard" not in sounds(call)


@pytest.mark.parametrize(
    ("status", "extra"),
    [
        ("busy", {"sip_code": 486}),
        ("timeout", {}),
        ("unanswered", {"detail": "unavailable", "sip_code": 480}),
        ("rejected", {"detail": "declined", "sip_code": 603}),
        ("failed", {"detail": "cannot_route", "sip_code": 404}),
    ],
)
async def test_a_failure_says_why(status: Any, extra: dict[str, Any]) -> None:
    """Source: webhook reference, Call status events (detail, sip_code)."""
    line = Line({"answer": [dial()]}, {PARTY: Behaviour(status)})

    call = await line.call()
    await call.listen()

    body = line.bodies("connect")[2]
    assert extra == {name: body[name] for name in ("detail", "sip_code") if name in body}


async def test_a_detail_of_ones_own_is_sent() -> None:
    line = Line({"answer": [dial()]}, {PARTY: Behaviour("rejected", detail="invalid_number", sip_code=484)})

    call = await line.call()
    await call.listen()

    assert ("invalid_number", 484) == (line.bodies("connect")[2]["detail"], line.bodies("connect")[2]["sip_code"])


@pytest.mark.parametrize(
    ("status", "last"),
    [("busy", "completed"), ("timeout", "completed"), ("rejected", "rejected"), ("failed", "failed")],
)
async def test_some_failures_are_followed_by_completed(status: Any, last: str) -> None:
    """Declined calls get none. Source: support article 360057200092."""
    line = Line({"answer": [dial()]}, {PARTY: Behaviour(status)})

    call = await line.call()
    await call.listen()

    assert last == statuses(line)[-1]


@pytest.mark.parametrize(("options", "rings"), [({}, 60.0), ({"timeout": 20}, 20.0)])
async def test_nobody_rings_longer_than_the_timeout(options: dict[str, Any], rings: float) -> None:
    line = Line({"answer": [dial(**options)]}, {PARTY: Behaviour(rings_s=300)})

    call = await line.call()
    await call.listen()

    assert (rings, "timeout") == (call.at, statuses(line)[2])


async def test_limit_ends_the_conversation() -> None:
    """Source: NCCO reference, Connect (limit)."""
    line = Line({"answer": [dial(limit=90), talk("next")]}, {PARTY: Behaviour(talks_s=ENDLESS)})

    call = await line.call()
    await call.listen()

    assert (94.0, "left", PARTY) == heard(call)[2]
    assert "platform" == line.bodies("connect")[-1]["disconnected_by"]


async def test_two_hours_are_the_most() -> None:
    line = Line({"answer": [dial()]}, {PARTY: Behaviour(talks_s=ENDLESS)})

    call = await line.call()

    assert 7204.0 == (await call.listen()).at


async def test_the_caller_may_hang_up_first() -> None:
    line = Line({"answer": [dial(), talk("not heard")]}, {PARTY: Behaviour(talks_s=10, hangs_up_first=False)})

    call = await line.call()
    await call.listen()

    assert ("user", 14.0) == (call.ended_by, call.at)
    assert ("platform", "user") == (
        line.bodies("connect")[-1]["disconnected_by"], line.bodies("event")[-1]["disconnected_by"],
    )  # fmt: skip


async def test_who_hangs_up_while_it_rings_cancels_the_dial() -> None:
    """Source: webhook reference, Call status events (cancelled)."""
    line = Line({"answer": [dial()]}, {PARTY: Behaviour(rings_s=20)})

    call = await line.call()
    await call.hang_up(at=3)
    await line.vonage.run()

    assert ["started", "ringing", "cancelled", "completed"] == statuses(line)


async def test_the_called_party_can_hang_up_at_any_time() -> None:
    line = Line({"answer": [dial(), talk("next")]})

    call = await line.call()
    await call.listen(until=10)
    await call.dialled[0].hang_up()
    await call.listen()

    assert (10.0, "talk", "next") == heard(call)[3]


async def test_the_called_party_can_decline() -> None:
    line = Line({"answer": [dial(), talk("next")]})

    call = await line.call()
    await call.listen(until=2)
    await call.dialled[0].hang_up()
    await call.listen()

    assert (2.0, "talk", "next") == heard(call)[1]
    assert "rejected" == statuses(line)[2]


async def test_parties_hear_each_other() -> None:
    line = Line({"answer": [dial()]})

    call = await line.call()
    await call.speak("Hello?", at=6)
    await call.dialled[0].speak("Sales, good morning.")

    assert "spoke Hello?" in sounds(call)
    assert "voice Sales, good morning." in sounds(call)
    assert [f"joined {FROM}", "voice Hello?", "spoke Sales, good morning."] == sounds(call.dialled[0])


async def test_endpoints_ring_one_after_another() -> None:
    """You ring endpoints sequentially by nesting connect actions."""
    line = Line(
        {"answer": [dial("447700900001", timeout=10), dial("447700900002"), talk("Nobody.")]},
        {"447700900001": Behaviour("timeout"), "447700900002": Behaviour("busy")},
    )

    call = await line.call()
    await call.listen()

    assert ["ringing 447700900001", "ringing 447700900002", "talk Nobody.", "ended"] == sounds(call)


async def test_a_party_may_behave_differently_each_time() -> None:
    line = Line({"answer": [dial(), dial(), dial()]}, {PARTY: [Behaviour("busy"), Behaviour("unanswered")]})

    call = await line.call()
    await call.listen()

    assert ["busy", "unanswered", "unanswered"] == [status for status in statuses(line) if status in FAILURES]


async def test_a_dial_can_wait_for_a_decision() -> None:
    line = Line({"answer": [SYNC, talk("next")], "connect": Response(204)}, asks=True)

    call = await line.call()
    moment = await call.listen()
    await call.decide(Behaviour("busy", rings_s=3))
    await call.listen()

    assert ("dial", PARTY) == (moment.kind, moment.waited and moment.waited.address)
    assert (3.0, "talk", "next") == heard(call)[1]


async def test_a_dial_without_a_decision_times_out() -> None:
    line = Line({"answer": [dial(timeout=30), talk("next")]}, asks=True)

    call = await line.call()
    await call.listen()
    await call.silence()
    await call.listen()

    assert (30.0, "talk", "next") == heard(call)[1]
    with pytest.raises(NothingToDecide, match="no dial waits"):
        await call.decide(Behaviour())


@pytest.mark.parametrize("options", [{"from": "442079999999"}, {"from": None}])
async def test_a_phone_does_not_ring_from_a_number_that_is_not_ours(options: dict[str, Any]) -> None:
    """Source: NCCO reference, Connect (from)."""
    action = {name: value for name, value in (dial() | options).items() if value is not None}
    line = Line({"answer": [action, talk("next")]}, numbers=(TO,))

    call = await line.call()
    await call.listen()

    assert ["started", "ringing", "failed"] == statuses(line)


@pytest.mark.parametrize(("numbers", "shown"), [((), TO), (("442070000000",), "442070000000")])
async def test_a_random_number_is_one_of_ours(numbers: tuple[str, ...], shown: str) -> None:
    action = {name: value for name, value in dial(randomFromNumber=True).items() if name != "from"}
    line = Line({"answer": [action]}, numbers=numbers)

    call = await line.call()
    await call.listen()

    assert [shown, "answered"] == [line.bodies("connect")[2][name] for name in ("from", "status")]


@pytest.mark.parametrize(
    ("endpoint", "to"),
    [
        ({"type": "app", "user": "alice"}, "alice"),
        ({"type": "vbc", "extension": "123"}, "123"),
        ({"type": "sip", "uri": "sip:ann@sip.example.com"}, "sip:ann@sip.example.com"),
        ({"type": "sip", "user": "ann", "domain": "trunk"}, "sip:ann@trunk"),
    ],
)
async def test_every_endpoint_can_be_dialled(endpoint: dict[str, Any], to: str) -> None:
    line = Line({"answer": [{"action": "connect", "endpoint": [endpoint]}]})

    call = await line.call()
    await call.listen()

    assert [f"ringing {to}", f"joined {to}", f"left {to}", "ended"] == sounds(call)
    assert (TO, to) == (line.bodies("event")[-2]["from"], line.bodies("event")[-2]["to"])


async def test_a_ringback_tone_is_heard_instead_of_ringing() -> None:
    line = Line({"answer": [dial(ringbackTone="https://calls.example.com/tone.mp3")]})

    call = await line.call()
    await call.listen()

    assert [(0.0, "tone", "https://calls.example.com/tone.mp3"), (4.0, "joined", PARTY)] == heard(call)[:2]
    assert 4.0 == call.transcript[0].seconds


async def test_dtmfanswer_is_sent_when_the_call_is_answered() -> None:
    line = Line({"answer": [dial() | {"endpoint": [{"type": "phone", "number": PARTY, "dtmfAnswer": "2p02p"}]}]})

    call = await line.call()
    await call.listen()

    assert "keys 2p02p" in sounds(call.dialled[0])


async def test_a_failed_reply_to_a_failing_dial_lets_the_ncco_go_on() -> None:
    """In-call failure: the fallback, then the running NCCO. Source: webhook reference, Fallback."""
    line = Line(
        {"answer": [SYNC, talk("next")], "connect": Response(500), "fallback": Response(500)},
        {PARTY: Behaviour("busy")},
    )

    call = await line.call()
    await call.listen()

    assert "talk next" in sounds(call)
    assert "event" == line.bodies("fallback")[0]["original_request"]["type"]


async def test_a_caller_may_hang_up_while_the_reply_is_on_its_way() -> None:
    line = Line(
        {"answer": [SYNC], "connect": (Response(200), Response(200), playing([talk("never")], seconds=3))},
        {PARTY: Behaviour("busy", rings_s=1)},
    )

    call = await line.call()
    await call.hang_up(at=2)
    await line.vonage.run()

    assert "talk never" not in sounds(call)
