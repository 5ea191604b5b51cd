"""The actions of a caller, and the errors of impossible ones."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_studio.simulator.legs import CallIsOver
from ncco_studio.simulator.parties import Behaviour
from tests.unit.studio.simulator.scripted_server import Line, ask, dial, heard, playing, talk


async def test_listening_until_a_time_stops_there() -> None:
    line = Line({"answer": [talk("one two three"), ask()]})

    call = await line.call()
    moment = await call.listen(until=0.5)

    assert ("until", 0.5, None) == (moment.kind, moment.at, moment.waited)


async def test_silence_first_plays_up_to_the_input() -> None:
    line = Line({"answer": [talk("one two three"), ask()]})

    call = await line.call()
    await call.silence()

    assert 4.161 == call.at


async def test_nobody_listens_after_the_end() -> None:
    line = Line({"answer": [talk("one")]})
    call = await line.call()

    await line.vonage.run()
    with pytest.raises(CallIsOver, match=r"the call ended 0\.387 s after the answer"):
        await call.listen(until=5)
        await call.press("1")


async def test_ringing_of_an_unanswered_call_is_timed_from_the_beginning() -> None:
    line = Line({"answer": playing([{"action": "hangup"}])}, fallback_url="")

    call = await line.call()

    assert (False, True, [(0.0, "ended", "")]) == (call.is_answered, call.is_over, heard(call))


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


async def test_the_log_of_a_call_has_the_webhooks_of_the_parties_it_dialled() -> None:
    line = Line({"answer": [dial()]})

    call = await line.call()
    await call.listen()

    assert 9 == len(call.log)
    assert call.log == call.dialled[0].log


async def test_silence_after_a_first_key_ends_that_input_and_not_the_next() -> None:
    line = Line({"answer": [ask()], "input": [talk("one"), ask("next")]})

    call = await line.call()
    await call.press("1")
    await call.silence()
    moment = await call.listen()

    assert ("1", "input", 3.387) == (line.bodies("input")[0]["dtmf"]["digits"], moment.kind, moment.at)


async def test_silence_after_words_ends_that_recording() -> None:
    record = {"action": "record", "endOnSilence": 3}
    line = Line({"answer": [record, ask()]})

    call = await line.call()
    await call.speak("one", seconds=2)
    await call.silence()

    assert (5.0, "input") == (call.at, (await call.listen()).kind)


async def test_silence_during_a_prompt_plays_it_to_its_end() -> None:
    line = Line({"answer": [talk("one two three", bargeIn=True), ask()]})

    call = await line.call()
    await call.silence()

    assert (4.161, [1.161]) == (call.at, [entry.seconds for entry in call.transcript if entry.kind == "talk"])


@pytest.mark.parametrize("doing", ["press", "speak"])
@pytest.mark.parametrize(
    ("ncco", "kind"),
    [
        ([dial(eventType="synchronous")], "dial"),
        ([{"action": "record", "endOnKey": "#"}], "record"),
    ],
)
async def test_an_input_without_effect_leaves_the_party_waiting(doing: str, ncco: list[Any], kind: str) -> None:
    line = Line({"answer": ncco}, asks=True)

    call = await line.call()
    before = await call.listen()
    await getattr(call, doing)("1")
    after = await call.listen()

    assert (kind, before.waited) == (after.kind, after.waited)


async def test_a_dial_is_decided_after_a_key() -> None:
    line = Line({"answer": [dial(eventType="synchronous")], "connect": [talk("bye")]}, asks=True)

    call = await line.call()
    await call.listen(until=2)
    await call.press("1")
    await call.decide(Behaviour("busy", rings_s=3))
    await call.listen()

    assert [(3.0, "talk", "bye")] == heard(call)[2:3]


async def test_listening_stops_where_something_new_begins() -> None:
    call = await Line({"answer": [talk("One."), talk("Two.")]}).call()

    begun = [text for _, kind, text in heard(call) if kind == "talk"]
    more, end = await call.hear(), await call.hear()

    assert (["One."], "until", "end") == (begun, more.kind, end.kind)
    assert ["One.", "Two."] == [text for _, kind, text in heard(call) if kind == "talk"]


async def test_the_open_inputs_are_known_while_a_prompt_plays() -> None:
    call = await Line({"answer": [talk("Press one.", bargeIn=True), ask(type=["dtmf", "speech"])]}).call()

    during = call.open
    moment = await call.listen()

    assert during is not None
    assert during is moment.waited
    assert frozenset({"dtmf", "speech"}) == during.takes


async def test_a_caller_who_hangs_up_during_an_input_sends_none() -> None:
    line = Line({"answer": [ask()]})
    call = await line.call()
    await call.press("1")
    await call.hang_up()

    assert [] == line.bodies("input")
