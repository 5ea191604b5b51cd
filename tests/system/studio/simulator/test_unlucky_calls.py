"""Callers do not hear network problems between the platform and the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ncco_server.service.functions import AnswerLookups
from ncco_server.service.turns import no_lookups
from tests.support.cases import each_case
from tests.system.studio.simulator.unlucky_calls import Played, play
from tests.system.studio.simulator.unlucky_lines import Line, lines
from tests.system.studio.simulator.unlucky_seeds import Noticed, compare

BY_CLOCK = {"examples/hours", "examples/languages", "examples/queue"}
"""Samples that use the clock, for opening hours or waiting times. In these, lost time can be heard."""
Send = Callable[[dict[str, Any]], Awaitable[None]]


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    return range(40 if request.config.getoption("--night") else 2)


@pytest.mark.timeout(900)  # on a busy machine
@each_case("line", lambda: [line for line in lines() if line.name not in BY_CLOCK], ids=str)
async def test_network_faults_do_not_change_what_callers_hear(line: Line, seeds: range) -> None:
    found = await compare(line, seeds)

    assert [] == [str(noticed) for noticed in found.noticed]
    assert [] == found.by_clock


@each_case("line", lambda: [line for line in lines() if line.name in BY_CLOCK], ids=str)
async def test_network_faults_are_heard_only_as_delays(line: Line, seeds: range) -> None:
    found = await compare(line, seeds)

    assert [] == [str(noticed) for noticed in found.noticed]


async def test_a_seed_plays_the_same_call_each_time() -> None:
    line, server = lines()[0], Forgetful()

    first, second = [await play(line, server, 7, "unlucky") for _ in range(2)]

    assert first == second


async def test_a_server_that_counts_deliveries_is_noticed() -> None:
    line, server = lines()[0], Forgetful()

    played = [[await play(line, server, seed, network) for network in ("slow", "unlucky")] for seed in range(20)]

    assert [pair for pair in played if pair[0].heard != pair[1].heard]


def test_a_seed_that_is_noticed_shows_how_to_play_it_again() -> None:
    slow = Played((("talk one", "ended"),), (("0.00 talk one", "1.00 ended"),), (), ())
    unlucky = Played((("talk two", "ended"),), (("0.00 talk two", "1.00 ended"),), ("left",), ("status 500",))

    assert [
        "pin, seed 17: python -m benchmarks.chaos --only pin --seed 17",
        "    slow:    0: 0.00 talk one",
        "    unlucky: 0: 0.00 talk two",
        "    slow:    (nothing)",
        "    unlucky: left",
        "    slow:    (nothing)",
        "    unlucky: status 500",
    ] == str(Noticed("pin", 17, slow, unlucky)).splitlines()


class Forgetful:
    """A server that treats each delivery as new: it says how many requests it got in this call."""

    def __init__(self) -> None:
        self.look_up: AnswerLookups = no_lookups
        self.now = datetime(2026, 3, 4, tzinfo=UTC)
        self._asked: dict[str, int] = {}

    async def app(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        fields = orjson.loads((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": self._reply(scope["path"], fields["conversation_uuid"])})

    async def take_hooks(self) -> tuple[str, ...]:
        self._asked.clear()
        return ()

    def _reply(self, path: str, call: str) -> bytes:
        if not path.endswith(("/answer", "/input")):
            return b""
        asked = self._asked[call] = self._asked.get(call, 0) + 1
        url = ["https://ncco.example/input"]
        again = {"action": "input", "type": ["dtmf"], "eventUrl": url}
        return orjson.dumps([{"action": "talk", "text": f"This was {asked}."}, *([again] if asked < 5 else [])])
