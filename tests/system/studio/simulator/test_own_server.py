"""Whole calls to this project's own server: its sample flows and examples, with signed webhooks."""

from __future__ import annotations

from pathlib import Path

from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from tests.system.studio.simulator.own_server import ROOT, own_line
from tests.unit.studio.simulator.scripted_server import sounds

FLOWS = ROOT / "flows"
EXAMPLES = ROOT / "examples"
CALLER = "447700900123"


def failures(call: Leg) -> list[str]:
    return [delivery.result.problem for delivery in call.log if delivery.result and delivery.result.failure]


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
