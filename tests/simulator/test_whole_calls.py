"""Calls from ringing to hanging up, as a caller has them."""

from __future__ import annotations

from app.simulator import Behaviour
from tests.simulator.scripted_server import Line, ask, dial, playing, sounds, talk, url

MENU = [talk("For sales, press 1.", bargeIn=True), ask()]


async def test_a_call_hears_a_menu_presses_a_key_and_is_put_through() -> None:
    line = Line({"answer": MENU, "input": [talk("Connecting you."), dial(eventType="synchronous")]}, {})

    call = await line.call()
    menu = await call.listen()
    await call.press("1")
    inter_digit = await call.listen()

    assert ("input", frozenset({"dtmf"})) == (menu.kind, menu.waited and menu.waited.takes)
    assert "end" == inter_digit.kind
    assert [
        "talk For sales, press 1.", "pressed 1", "talk Connecting you.", "ringing 447700900456",
        "joined 447700900456", "left 447700900456", "ended",
    ] == sounds(call)  # fmt: skip
    assert [
        "event started", "event ringing", "answer", "event answered", "input", "connect started", "connect ringing",
        "connect answered", "connect completed", "event completed",
    ] == line.sent  # fmt: skip


async def test_a_busy_line_brings_what_the_reply_says() -> None:
    busy = {"447700900456": Behaviour("busy")}
    line = Line({
        "answer": [dial(eventType="synchronous"), talk("never said")],
        "connect": (playing([]), playing([]), playing([talk("They are busy.")])),
    }, busy)  # fmt: skip

    call = await line.call()
    await call.listen()

    assert ["ringing 447700900456", "talk They are busy.", "ended"] == sounds(call)
    assert "platform" == call.ended_by


async def test_a_message_is_recorded_and_its_webhook_comes_later() -> None:
    record = {"action": "record", "beepStart": True, "endOnKey": "#", "eventUrl": url("record")}
    line = Line({"answer": [talk("After the tone."), record, talk("Thank you.")]})

    call = await line.call()
    moment = await call.listen()
    await call.speak("Please call me back.")
    await call.press("#")
    await call.listen()
    await line.vonage.run()

    assert "record" == moment.kind
    assert ["talk After the tone.", "beep", "spoke Please call me back.", "pressed #", "talk Thank you.", "ended"] == (
        sounds(call)
    )
    assert 1 == len(line.bodies("record"))


async def test_a_caller_may_hang_up_in_the_middle_of_a_word() -> None:
    line = Line({"answer": [talk("A long story " * 20), talk("never said")]})

    call = await line.call()
    await call.hang_up(at=3.5)

    assert (True, "user", 3.5) == (call.is_over, call.ended_by, call.at)
    assert [True, False] == [entry.is_cut for entry in call.transcript]
    assert "3.5" == str(call.transcript[0].seconds)
    assert "event completed" == line.sent[-1]
