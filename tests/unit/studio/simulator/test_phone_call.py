"""The actions of a caller, and the errors of impossible ones."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_studio.simulator.legs import CallIsOver, NothingToDecide
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Response
from tests.unit.studio.simulator.scripted_server import BASE, Line, ask, dial, heard, playing, sounds, talk

PARTY = "447700900456"


async def test_listening_until_a_time_stops_there() -> None:
    line = Line({"answer": [talk("one two three"), ask()]})

    call = await line.call()
    moment = await call.listen(until=0.5)

    assert ("until", 0.5, None) == (moment.kind, moment.at, moment.waited)


async def test_nobody_listens_after_the_end() -> None:
    line = Line({"answer": [talk("one")]})
    call = await line.call()

    await line.vonage.run()
    with pytest.raises(CallIsOver, match=r"the call ended 0\.387 s after the answer"):
        await call.listen(until=5)
        await call.press("1")


async def test_a_day_is_long_enough_for_a_caller() -> None:
    """An NCCO that loops forever and takes time."""
    loop = [
        {"action": "wait", "timeout": 600},
        {"action": "notify", "payload": {}, "eventUrl": ["https://c.example.com/n"]},
    ]
    line = Line({"answer": loop, "n": loop})

    call = await line.call()
    moment = await call.listen()

    assert ("idle", 24 * 3600.0) == (moment.kind, moment.at)


async def test_silence_first_plays_up_to_the_input() -> None:
    line = Line({"answer": [talk("one two three"), ask()]})

    call = await line.call()
    await call.silence()

    assert 4.161 == call.at


async def test_silence_after_a_first_key_ends_that_input_and_not_the_next() -> None:
    line = Line({"answer": [ask()], "input": [talk("one"), ask("next")]})

    call = await line.call()
    await call.press("1")
    await call.silence()
    moment = await call.listen()

    assert ("1", "input", 3.387) == (line.bodies("input")[0]["dtmf"]["digits"], moment.kind, moment.at)


async def test_silence_during_a_prompt_plays_it_to_its_end() -> None:
    line = Line({"answer": [talk("one two three", bargeIn=True), ask()]})

    call = await line.call()
    await call.silence()

    assert (4.161, [1.161]) == (call.at, [entry.seconds for entry in call.transcript if entry.kind == "talk"])


@pytest.mark.parametrize("doing", ["press", "speak"])
@pytest.mark.parametrize(
    ("ncco", "kind"), [([dial(eventType="synchronous")], "dial"), ([{"action": "record", "endOnKey": "#"}], "record")]
)
async def test_an_input_without_effect_leaves_the_party_waiting(doing: str, ncco: list[Any], kind: str) -> None:
    line = Line({"answer": ncco}, asks=True)

    call = await line.call()
    before = await call.listen()
    await getattr(call, doing)("1")
    after = await call.listen()

    assert (kind, before.waited) == (after.kind, after.waited)


async def test_listening_stops_where_something_new_begins() -> None:
    call = await Line({"answer": [talk("One."), talk("Two.")]}).call()

    begun = [text for _, kind, text in heard(call) if kind == "talk"]
    more, end = await call.hear(), await call.hear()

    assert (["One."], "until", "end") == (begun, more.kind, end.kind)
    assert ["One.", "Two."] == [text for _, kind, text in heard(call) if kind == "talk"]


async def test_a_caller_may_hang_up_while_the_reply_is_on_its_way() -> None:
    replies = (Response(200), Response(200), playing([talk("never")], seconds=3))
    busy = {PARTY: Behaviour("busy", rings_s=1)}
    line = Line({"answer": [dial(eventType="synchronous")], "connect": replies}, busy)

    call = await line.call()
    await call.listen(until=2)
    await call.hang_up()
    await line.vonage.run()

    assert "talk never" not in sounds(call)


async def test_a_caller_may_hang_up_while_the_whisper_is_requested() -> None:
    endpoint = {"type": "phone", "number": PARTY, "onAnswer": {"url": f"{BASE}/whisper"}}
    line = Line({"answer": [dial() | {"endpoint": [endpoint]}], "whisper": playing([talk("one")], seconds=2)})

    call = await line.call()
    await call.listen(until=5)
    await call.hang_up()
    await line.vonage.run()

    assert ["ended"] == sounds(call.dialled[0])


async def test_a_dial_without_a_decision_times_out() -> None:
    line = Line({"answer": [dial(timeout=30), talk("next")]}, asks=True)

    call = await line.call()
    await call.listen()
    await call.silence()
    await call.listen()

    assert (30.0, "talk", "next") == heard(call)[1]
    with pytest.raises(NothingToDecide, match="no dial waits"):
        await call.decide(Behaviour())
