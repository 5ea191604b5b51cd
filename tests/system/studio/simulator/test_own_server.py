"""Whole calls to this project's own server: its sample flows and examples, with signed webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ncco_studio.simulator.delivery import Chaos
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from tests.support.cases import each_case
from tests.system.studio.simulator.own_server import ROOT, own_line
from tests.unit.studio.simulator.scripted_server import sounds

FLOWS = ROOT / "flows"
EXAMPLES = ROOT / "examples"
CALLER = "447700900123"
MENU = (
    "For sales, press 1 or say sales. For repairs and support, press 2 or say support. For our opening hours, press 3. "
    "To speak to somebody, press 0."
)
VOICEMAIL = "Nobody can take your call right now. Please leave a message after the tone, and press hash to finish."


def failures(call: Leg) -> list[str]:
    return [delivery.result.problem for delivery in call.log if delivery.result and delivery.result.failure]


async def test_a_caller_is_put_through_to_sales() -> None:
    async with own_line(FLOWS) as line:
        call = await line.call("442079460001", CALLER)
        await call.listen()
        await call.press("1")
        await call.listen()

    assert [
        "talk Thank you for calling Northgate Bicycles.", f"talk {MENU}", "pressed 1", "talk Connecting you to sales.",
        "ringing 447700900111", "joined 447700900111", "left 447700900111", "ended",
    ] == sounds(call)  # fmt: skip
    assert [] == failures(call)


async def test_a_caller_says_support_while_the_menu_plays() -> None:
    async with own_line(FLOWS) as line:
        call = await line.call("442079460001", CALLER)
        await call.listen(until=5)
        await call.speak(("I need support", 0.8))
        await call.listen()

    assert "talk Connecting you to the workshop. Please have your order number ready." in sounds(call)
    assert call.transcript[1].is_cut


async def test_a_silent_caller_is_asked_again_and_reaches_a_person() -> None:
    async with own_line(FLOWS) as line:
        call = await line.call("442079460001", CALLER)
        await call.silence()
        await call.silence()
        await call.silence()
        await call.listen()

    assert ["talk Sorry, I did not hear you.", f"talk {MENU}"] == sounds(call)[2:4]
    assert ["talk I am putting you through.", "ringing 447700900333"] == sounds(call)[6:8]


@each_case("outcome", ["busy", "timeout", "unanswered", "rejected", "failed"])
async def test_the_caller_can_leave_a_message_after_any_failed_dial(outcome: Any) -> None:
    parties = {"447700900111": Behaviour(outcome)}
    async with own_line(FLOWS, parties) as line:
        call = await line.call("442079460001", CALLER)
        await call.listen(until=3)
        await call.press("1")
        moment = await call.listen()
        await call.speak("Please call me back.")
        await call.press("#")
        end = await call.listen()
        await line.run()

    assert ("record", "end") == (moment.kind, end.kind)
    assert [f"talk {VOICEMAIL}", "beep", "spoke Please call me back.", "pressed #"] == sounds(call)[-6:-2]
    assert "record" in [delivery.kind for delivery in call.log]
    assert [] == failures(call)


async def test_a_pin_is_keyed_in() -> None:
    async with own_line(FLOWS) as line:
        call = await line.call("442079460002", CALLER)
        await call.listen()
        await call.press("1111")
        await call.listen()
        await call.press("2580")
        await call.listen()

    assert ["talk Thank you. Your balance is twelve pounds fifty.", "ended"] == sounds(call)[-2:]


async def test_the_called_party_takes_the_call_by_pressing_1() -> None:
    parties = {
        "447700900901": Behaviour(script=("2",), talks_s=40),
        "447700900902": Behaviour(script=("1",)),
    }
    async with own_line(EXAMPLES / "findme" / "flows", parties) as line:
        call = await line.call("442079460900", CALLER)
        await call.listen()

    tone = "tone https://example.com/audio/ringing.mp3"

    assert [tone, tone, "joined 447700900902"] == sounds(call)[1:4]
    assert "talk Please press 1 to take the call." in sounds(call.dialled[0])
    assert [] == failures(call)


async def test_a_conference_begins_with_its_host(tmp_path: Path) -> None:
    environment = tmp_path / ".env"
    environment.write_text("FLOW_HOST_PIN=111111\nFLOW_GUEST_PIN=222222\n", encoding="utf-8")
    async with own_line(EXAMPLES / "conference" / "flows", env_file=environment) as line:
        guest = await line.call("442079460600", CALLER)
        await guest.listen()
        await guest.press("222222")
        waiting = await guest.listen()
        host = await line.call("442079460600", "447700900999")
        await host.listen()
        await host.press("111111")
        await host.listen()
        await host.speak("Welcome, everybody.")
        await host.hang_up()
        end = await guest.listen()
        await line.run()

    assert ["music https://example.com/audio/waiting.mp3", "joined 447700900999"] == sounds(guest)[-5:-3]
    assert ["voice Welcome, everybody.", "left 447700900999", "ended"] == sounds(guest)[-3:]
    assert ("idle", "end") == (waiting.kind, end.kind)
    assert "record" in [delivery.kind for delivery in host.log]


async def test_a_recorded_message_of_an_example_is_transcribed() -> None:
    async with own_line(EXAMPLES / "voicemail" / "flows", {"447700900201": Behaviour("busy")}) as line:
        call = await line.call("442079460200", CALLER)
        await call.listen(until=3)
        await call.press("1")
        await call.listen()
        await call.speak("My roof leaks.")
        await call.silence()
        await call.listen()
        await line.run()

    assert {"record", "transcription"} < {delivery.kind for delivery in call.log}
    assert [] == failures(call)


async def test_opening_hours_follow_the_virtual_clock() -> None:
    said = []
    for hour in (11, 23):
        start = datetime(2026, 3, 4, hour, tzinfo=UTC)
        async with own_line(EXAMPLES / "hours" / "flows", start=start) as line:
            call = await line.call("442079460100", CALLER)
            await call.listen()
        said.append(sounds(call))

    assert said[0] != said[1]


async def test_two_hours_in_a_queue_take_no_time() -> None:
    async with own_line(EXAMPLES / "queue" / "flows") as line:
        call = await line.call("442079460400", CALLER)
        while (await call.listen()).kind == "input":
            await call.press("1")

    assert call.at > 15 * 60


async def test_the_same_call_always_goes_the_same_way() -> None:
    courses = []
    for _ in range(2):
        async with own_line(FLOWS) as line:
            call = await line.call("442079460001", CALLER)
            await call.listen(until=3)
            await call.press("1")
            await call.listen()
            courses.append((call.transcript, [delivery.fields for delivery in call.log]))

    assert courses[0] == courses[1]


@each_case("seed", range(20))
async def test_network_faults_are_not_heard(seed: int) -> None:
    """Webhooks come late, twice, out of order, unsigned or not at all, but the caller hears the same."""
    heard = []
    for chaos in (None, Chaos(seed)):
        async with own_line(FLOWS, {"447700900111": Behaviour("busy")}, chaos=chaos) as line:
            call = await line.call("442079460001", CALLER)
            await call.listen()
            await call.press("9")
            await call.listen()
            await call.press("1")
            await call.listen()
            await call.speak("Please call me back.")
            await call.silence()
            await call.listen()
            await line.run()
            heard.append(sounds(call))

    assert heard[0] == heard[1]


async def test_a_database_serves_the_same_calls(tmp_path: Path) -> None:
    async with own_line(FLOWS, database_url=f"sqlite:///{tmp_path}/ncco.db") as line:
        call = await line.call("442079460001", CALLER)
        await call.listen()
        await call.press("3")
        again = await call.listen()

    assert "input" == again.kind
    assert "talk We are open today until 5:30 PM." in sounds(call)


async def test_webhooks_can_all_be_sent_by_get() -> None:
    async with own_line(FLOWS, answer_method="GET", event_method="GET") as line:
        call = await line.call("442079460001", CALLER)
        await call.listen(until=3)
        await call.press("1")
        end = await call.listen()

    assert ("end", []) == (end.kind, failures(call))
