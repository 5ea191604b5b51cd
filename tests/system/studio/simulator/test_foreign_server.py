"""The simulator calls a server that is not ours in the same way, and the server's faults show."""

from __future__ import annotations

import pytest

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import AsgiServer
from tests.system.studio.simulator.foreign_server import app
from tests.unit.studio.simulator.scripted_server import sounds

URL = "http://news.example.com"
MENU = "talk Press 1 for news, press 2 to hang up, or say news."


@pytest.fixture
def line() -> Vonage:
    clock = VirtualClock()
    return Vonage(Application(f"{URL}/answer", f"{URL}/event", answer_method="GET"), AsgiServer(app, clock), clock)


async def test_a_caller_who_presses_1_hears_the_news(line: Vonage) -> None:
    call = await line.call("442079460000", "447700900123")
    await call.listen()
    await call.press("1")
    await call.listen()

    assert [MENU, "pressed 1", "talk There is no news.", "ended"] == sounds(call)


async def test_its_first_fault_drops_a_silent_caller(line: Vonage) -> None:
    call = await line.call("442079460000", "447700900123")
    await call.silence()
    await call.listen()

    failed = [delivery for delivery in call.log if delivery.result and delivery.result.failure]
    assert [MENU, "ended"] == sounds(call)
    assert [("input", "the status is 500")] == [
        (delivery.kind, delivery.result.problem) for delivery in failed if delivery.result
    ]


async def test_its_second_fault_is_an_unknown_action(line: Vonage) -> None:
    call = await line.call("442079460000", "447700900123")
    await call.listen(until=1)
    await call.press("2")
    await call.listen()

    failed = next(delivery for delivery in call.log if delivery.result and delivery.result.failure)
    assert failed.result is not None
    assert ("input", "Invalid NCCO.") == (failed.kind, failed.result.failure)
    assert "N104 /0/action: " in failed.result.problem
    assert "error" in [delivery.kind for delivery in call.log]
