"""`input`: keys, speech, both. Source: NCCO reference, Input."""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import Waited
from tests.simulator.scripted_server import BASE, Line, ask, heard, playing, sounds, talk, url

SPEECH = ask(type=["speech"])
BOTH = ask(type=["dtmf", "speech"])


def parts(line: Line) -> tuple[Any, Any]:
    """`dtmf` and `speech` of the only input webhook."""
    (body,) = line.bodies("input")
    return body["dtmf"], body["speech"]


async def test_the_reply_replaces_what_stands_behind_the_input() -> None:
    line = Line({"answer": [ask(), talk("not heard")], "input": [talk("You pressed one.")]})

    call = await line.call()
    await call.press("1")
    await call.listen()

    assert ["pressed 1", "talk You pressed one.", "ended"] == sounds(call)


@pytest.mark.parametrize("reply", [playing(None), playing([]), playing({"status": "ok"}, failure="")])
async def test_an_empty_reply_lets_the_ncco_go_on(reply: Any) -> None:
    line = Line({"answer": [ask(), talk("Goodbye.")], "input": reply}, object_reply="ignore")

    call = await line.call()
    await call.silence()
    await call.listen()

    assert ["talk Goodbye.", "ended"] == sounds(call)


async def test_maxdigits_ends_the_input_at_once() -> None:
    """The number of digits the user can press; the default is 4."""
    line = Line({"answer": [ask()]})

    call = await line.call()
    await call.press("1234")
    await call.listen()

    assert ({"digits": "1234", "timed_out": False}, {"results": []}) == parts(line)
    assert 0.75 == call.at


async def test_timeout_seconds_after_the_last_key_the_digits_are_sent() -> None:
    """The default is 3 seconds after the last action."""
    line = Line({"answer": [ask(dtmf={"timeOut": 5})]})

    call = await line.call()
    await call.press("12", at=1.0)
    await call.listen()

    assert ({"digits": "12", "timed_out": True}, {"results": []}) == parts(line)
    assert 6.25 == call.at


async def test_a_silent_caller_times_out_from_the_beginning() -> None:
    line = Line({"answer": [ask()]})

    call = await line.call()
    await call.silence()

    assert ({"digits": "", "timed_out": True}, {"results": []}) == parts(line)
    assert 3.0 == call.at


async def test_hash_submits_when_it_is_told_to() -> None:
    line = Line({"answer": [ask(dtmf={"submitOnHash": True, "maxDigits": 9})]})

    call = await line.call()
    await call.press("12#")
    await call.listen()

    assert {"digits": "12", "timed_out": False} == parts(line)[0]
    assert 0.5 == call.at


async def test_hash_is_a_digit_otherwise() -> None:
    line = Line({"answer": [ask(dtmf={"maxDigits": 2})]})

    call = await line.call()
    await call.press("*#")
    await call.listen()

    assert {"digits": "*#", "timed_out": False} == parts(line)[0]


async def test_keys_may_come_one_by_one() -> None:
    line = Line({"answer": [ask()]})

    call = await line.call()
    await call.press("1")
    await call.press("2", at=2.5)
    await call.listen()

    assert {"digits": "12", "timed_out": True} == parts(line)[0]
    assert 5.5 == call.at


async def test_speech_is_sent_after_endonsilence() -> None:
    """Confidence is text, best first. Source: NCCO reference, Speech Recognition Settings; the example of Input."""
    line = Line({"answer": [ask(type=["speech"], speech={"endOnSilence": 1.5})]})

    call = await line.call()
    await call.speak(("sales", 0.94), ("sails", 0.7), at=4.0, seconds=1.0)
    await call.listen()

    assert ({"digits": None, "timed_out": False}, {
        "timeout_reason": "end_on_silence_timeout",
        "results": [{"confidence": "0.94", "text": "sales"}, {"confidence": "0.7", "text": "sails"}],
    }) == parts(line)  # fmt: skip
    assert 6.5 == call.at


async def test_who_does_not_begin_to_speak_runs_into_starttimeout() -> None:
    line = Line({"answer": [ask(type=["speech"], speech={"startTimeout": 7})]})

    call = await line.call()
    await call.silence()

    assert ({"digits": None, "timed_out": False}, {"timeout_reason": "start_timeout", "results": []}) == parts(line)
    assert 7.0 == call.at


async def test_who_speaks_too_long_is_cut_at_maxduration() -> None:
    line = Line({"answer": [ask(type=["speech"], speech={"maxDuration": 5})]})

    call = await line.call()
    await call.speak("a long story", seconds=20)
    await call.listen()

    assert "max_duration" == parts(line)[1]["timeout_reason"]
    assert 5.0 == line.vonage.log[4].at


async def test_speech_goes_on_when_the_caller_speaks_again_in_time() -> None:
    line = Line({"answer": [SPEECH]})

    call = await line.call()
    await call.speak("I would", seconds=1)
    await call.speak("I would like to talk", at=2, seconds=1)
    await call.listen()

    assert "I would like to talk" == parts(line)[1]["results"][0]["text"]
    assert 5.0 == call.at


async def test_a_noise_has_no_results() -> None:
    line = Line({"answer": [SPEECH]})

    call = await line.call()
    await call.speak(seconds=1)
    await call.listen()

    assert {"timeout_reason": "end_on_silence_timeout", "results": []} == parts(line)[1]


async def test_the_recogniser_may_fail() -> None:
    line = Line({"answer": [SPEECH]})

    call = await line.call()
    await call.speak("hello", error="ERR1: Failed to analyze audio")
    await call.listen()

    assert {"error": "ERR1: Failed to analyze audio"} == parts(line)[1]


async def test_saveaudio_brings_the_address_of_the_recording() -> None:
    line = Line({"answer": [ask(type=["speech"], speech={"saveAudio": True})]})

    call = await line.call()
    await call.speak("hello")
    await call.listen()

    assert parts(line)[1]["recording_url"].startswith("https://api-eu-3.vonage.com/v1/files/")


async def test_keys_win_over_speech() -> None:
    """Source: webhook reference, Input (Speech overridden by DTMF)."""
    line = Line({"answer": [BOTH]})

    call = await line.call()
    await call.speak("sales", seconds=1)
    await call.press("17", at=1.5)
    await call.speak("sales", seconds=1)
    await call.listen()

    assert ({"digits": "17", "timed_out": True}, {"error": "Speech overridden by DTMF"}) == parts(line)


async def test_silence_of_an_input_for_both_is_that_of_speech() -> None:
    line = Line({"answer": [BOTH]})

    call = await line.call()
    await call.silence()

    assert ({"digits": "", "timed_out": True}, {"timeout_reason": "start_timeout", "results": []}) == parts(line)
    assert 10.0 == call.at


async def test_an_input_for_keys_does_not_hear_words() -> None:
    line = Line({"answer": [ask()]}, unasked_speech="error")

    call = await line.call()
    await call.speak("sales", seconds=1)
    await call.silence()

    assert ({"digits": "", "timed_out": True}, {"error": "Speech was not enabled"}) == parts(line)


async def test_an_input_for_speech_does_not_take_keys() -> None:
    line = Line({"answer": [SPEECH]})

    call = await line.call()
    await call.press("1")
    await call.silence()

    assert "start_timeout" == parts(line)[1]["timeout_reason"]


async def test_keys_before_the_input_are_lost_without_barge_in() -> None:
    line = Line({"answer": [talk("one two three four five"), ask()]})

    call = await line.call()
    await call.press("1", at=0.5)
    await call.listen()
    await call.silence()

    assert "" == parts(line)[0]["digits"]


async def test_the_speech_of_a_leg_that_is_not_there_is_not_heard() -> None:
    """Source: NCCO reference, Speech Recognition Settings (uuid)."""
    line = Line({"answer": [ask(type=["speech"], speech={"uuid": ["another-leg"]})]})

    call = await line.call()
    await call.speak("hello")
    await call.listen()

    assert [] == parts(line)[1]["results"]


async def test_asynchronous_mode_sends_each_key_and_goes_on() -> None:
    """Digits are sent one at a time in real time. Source: NCCO reference, Input (mode)."""
    wait = {"action": "wait", "timeout": 10}
    line = Line({"answer": [talk("Press anything.", bargeIn=True), ask(mode="asynchronous"), wait]})

    call = await line.call()
    await call.press("5", at=0.2)
    await call.press("6", at=8)
    end = await call.listen()

    assert [{"digits": "5", "timed_out": False}, {"digits": "6", "timed_out": False}] == [
        body["dtmf"] for body in line.bodies("input")
    ]
    assert all("speech" not in body for body in line.bodies("input"))
    assert ("end", 10.2) == (end.kind, end.at)


async def test_an_input_goes_to_the_application_when_it_has_no_url() -> None:
    line = Line({"answer": [{"action": "input", "type": ["dtmf"]}]})

    call = await line.call()
    await call.press("1234")
    await call.listen()

    assert "1234" == line.bodies("event")[-2]["dtmf"]["digits"]


async def test_an_input_may_be_sent_by_get_with_json_in_its_parameters() -> None:
    """Source: webhook reference, the two kinds of request (GET)."""
    line = Line({"answer": [ask(eventMethod="GET")]})

    call = await line.call()
    await call.press("1234")
    await call.listen()

    assert '{"digits":"1234","timed_out":false}' == line.bodies("input")[0]["dtmf"]


async def test_what_is_open_is_known_while_a_prompt_plays() -> None:
    line = Line({"answer": [talk("Press one or say sales.", bargeIn=True), BOTH]})

    call = await line.call()
    during = call.open
    moment = await call.listen()

    assert isinstance(during, Waited)
    assert frozenset({"dtmf", "speech"}) == during.takes
    assert during is moment.waited
    assert url("input") == during.action["eventUrl"]


async def test_who_hangs_up_within_an_input_sends_none() -> None:
    line = Line({"answer": [ask()]})

    call = await line.call()
    await call.press("1")
    await call.hang_up(at=1)

    assert ([], "user") == (line.bodies("input"), call.ended_by)


@pytest.mark.parametrize(
    ("prompt", "cut_at"),
    [(talk("one two three four five six", bargeIn=True), 0.5), (talk("endless", loop=0, bargeIn=True), 0.5)],
)
async def test_a_key_cuts_a_prompt_short_and_is_the_first_digit(prompt: dict[str, Any], cut_at: float) -> None:
    line = Line({"answer": [prompt, ask(dtmf={"maxDigits": 2})]})

    call = await line.call()
    await call.press("12", at=cut_at)
    await call.listen()

    assert (cut_at, True) == (call.transcript[0].seconds, call.transcript[0].is_cut)
    assert {"digits": "12", "timed_out": False} == parts(line)[0]


async def test_a_word_cuts_a_prompt_short() -> None:
    line = Line({"answer": [talk("one two three four five six", bargeIn=True), BOTH]})

    call = await line.call()
    await call.speak("sales", at=0.5, seconds=1)
    await call.listen()

    assert call.transcript[0].is_cut
    assert 3.5 == call.at


async def test_barge_in_stays_until_the_input_and_ends_all_prompts() -> None:
    """Once true it stays true, even if bargeIn: false follows. Source: NCCO reference, Talk; Stream."""
    song: dict[str, Any] = {"action": "stream", "streamUrl": [f"{BASE}/ten.mp3"], "bargeIn": False}
    line = Line({"answer": [talk("first", bargeIn=True), song, talk("last", bargeIn=False), ask()]})

    call = await line.call()
    await call.press("1234", at=5)
    await call.listen()

    assert [(0.0, "talk", "first"), (0.387, "stream", song["streamUrl"][0])] == heard(call)[:2]
    assert [False, True] == [entry.is_cut for entry in call.transcript[:2]]
    assert "1234" == parts(line)[0]["digits"]


async def test_barge_in_does_not_outlive_its_input() -> None:
    line = Line({"answer": [talk("first", bargeIn=True), ask()], "input": ([talk("second"), ask("next")],)})

    call = await line.call()
    await call.press("1234")
    await call.press("5", at=0.8)
    await call.listen()

    assert [False] == [entry.is_cut for entry in call.transcript if entry.text == "second"]
