"""`record`. Source: NCCO reference, Record; webhook reference, Record and Transcription."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.scripted_server import Line, heard, sounds, talk, url


def record(**options: Any) -> dict[str, Any]:
    return {"action": "record", "eventUrl": url("record"), **options}


async def test_without_a_condition_the_ncco_goes_on_and_the_recording_ends_with_the_call() -> None:
    line = Line({"answer": [record(), talk("one two three")]})

    call = await line.call()
    await call.listen()
    await line.vonage.run()

    assert [(0.0, "talk", "one two three"), (1.161, "ended", "")] == heard(call)
    (body,) = line.bodies("record")
    assert ("2026-03-04T09:15:27Z", "2026-03-04T09:15:28Z", 4644) == (
        body["start_time"],
        body["end_time"],
        body["size"],
    )
    assert "2026-03-04T09:15:28.801Z" == body["timestamp"]


async def test_endonsilence_counts_from_the_last_word() -> None:
    line = Line({"answer": [record(endOnSilence=4), talk("Thank you.")]})

    call = await line.call()
    await call.speak("one", at=3, seconds=2)
    await call.speak("two", at=8, seconds=1)
    await call.listen()

    assert (13.0, "talk", "Thank you.") == heard(call)[2]


async def test_a_silent_caller_ends_it_by_silence() -> None:
    line = Line({"answer": [record(endOnSilence=4)]})

    call = await line.call()
    waits = await call.listen()
    await call.silence()

    assert ("record", 0.0, 4.0) == (waits.kind, waits.at, call.at)


async def test_timeout_is_the_longest_time() -> None:
    line = Line({"answer": [record(endOnSilence=4, timeOut=10)]})

    call = await line.call()
    await call.speak("a long story", seconds=60)

    assert ("hung", 10.0) == ("hung", call.transcript[-1].at)


@pytest.mark.parametrize(("keys", "ends_at"), [("#", 2.0), ("12#", 2.5), ("12", 30.0)])
async def test_endonkey_ends_it_and_other_keys_do_not(keys: str, ends_at: float) -> None:
    line = Line({"answer": [record(endOnKey="#", timeOut=30)]})

    call = await line.call()
    await call.press(keys, at=2)
    await call.silence()
    await call.listen()

    assert (ends_at, "ended", "") == heard(call)[-1]


async def test_endonkey_alone_waits_for_the_key() -> None:
    line = Line({"answer": [record(endOnKey="1")]})

    call = await line.call()
    first = await call.listen()
    later = await call.listen(until=3600)
    await call.press("1")
    end = await call.listen()

    assert ["record", "record", "end"] == [first.kind, later.kind, end.kind]
    assert 3600 == end.at


async def test_a_beep_comes_before_it() -> None:
    line = Line({"answer": [record(beepStart=True, timeOut=3)]})

    call = await line.call()
    await call.listen()
    await call.silence()

    assert (["beep", "ended"], 3.5) == (sounds(call), call.at)


async def test_a_hang_up_ends_it_too() -> None:
    line = Line({"answer": [record(endOnSilence=4)]})

    call = await line.call()
    await call.hang_up(at=2)
    await line.vonage.run()

    assert 8000 == line.bodies("record")[0]["size"]


async def test_with_the_other_reading_a_condition_does_not_hold_the_ncco_up() -> None:
    """The introduction of the reference calls record asynchronous with endOnSilence as its example."""
    line = Line({"answer": [record(timeOut=3), talk("one two three", loop=4)]}, records_block=False)

    call = await line.call()
    await call.listen()
    await line.vonage.run()

    assert (0.0, "talk", "one two three") == heard(call)[0]
    assert 12000 == line.bodies("record")[0]["size"]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"format": "wav"}, 96000),
        ({"split": "conversation", "channels": 3}, 96000),
        ({"split": "conversation", "channels": 2}, 12000),
        ({"format": "ogg"}, 12000),
    ],
)
async def test_the_file_has_the_size_of_its_format(options: dict[str, Any], size: int) -> None:
    """mp3, or wav when recording more than 2 channels."""
    line = Line({"answer": [record(timeOut=3, **options)]})

    call = await line.call()
    await call.silence()
    await line.vonage.run()

    assert size == line.bodies("record")[0]["size"]


@pytest.mark.parametrize(("settings", "path"), [({}, "record"), ({"eventUrl": url("text")}, "text")])
async def test_a_transcription_follows_the_recording(settings: dict[str, Any], path: str) -> None:
    """To its own URL, else to that of the recording. Source: webhook reference, Transcription."""
    line = Line({"answer": [record(timeOut=3, transcription=settings)]})

    call = await line.call()
    await call.silence()
    await line.vonage.run()

    recorded, text = line.bodies("record")[0], line.bodies(path)[-1]
    assert ("record", "transcribed") == (text["type"], text["status"])
    assert recorded["recording_uuid"] == text["recording_uuid"]
    assert {"conversation_uuid", "type", "recording_uuid", "status", "transcription_url"} == text.keys()


async def test_a_recording_without_a_url_is_told_to_the_application() -> None:
    line = Line({"answer": [{"action": "record", "timeOut": 3}]})

    call = await line.call()
    await call.silence()
    await line.vonage.run()

    assert "recording_url" in line.bodies("event")[-1]


async def test_several_recordings_each_have_their_webhook() -> None:
    line = Line({"answer": [record(), record(timeOut=3), talk("one")]})

    call = await line.call()
    await call.silence()
    await call.listen()
    await line.vonage.run()

    assert [12000, 13548] == [body["size"] for body in line.bodies("record")]
