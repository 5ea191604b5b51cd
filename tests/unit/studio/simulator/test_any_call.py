"""Claims about every NCCO that may be sent, whatever a caller does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.ncco import RULES, actions, check
from ncco_studio.simulator.delivery import Chaos
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.player import PERFORMERS
from ncco_studio.simulator.transcript import Heard
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.studio.simulator.scripted_server import Line, ask, dial, playing, talk, url

OUTCOMES = ("answered", "human", "machine", "beep", "busy", "timeout", "unanswered", "rejected", "failed")
RECORD = {"action": "record", "eventUrl": url("record")}
ACTIONS: list[dict[str, Any]] = [
    talk("one two three"),
    ask(),
    ask(type=["speech"]),
    ask(type=["dtmf", "speech"], dtmf={"maxDigits": 1}),
    ask(mode="asynchronous"),
    RECORD,
    RECORD | {"endOnSilence": 3, "endOnKey": "#", "timeOut": 20, "beepStart": True},
    {"action": "wait", "timeout": 2},
    {"action": "notify", "payload": {}, "eventUrl": url("notify")},
    {"action": "stream", "streamUrl": ["https://calls.example.com/ten.mp3"]},
    {"action": "conversation", "name": "weekly"},
    {"action": "conversation", "name": "weekly", "startOnEnter": False, "endOnExit": True, "record": True},
    dial(),
    dial(eventType="synchronous", machineDetection="continue", limit=5),
    dial(eventType="synchronous", advancedMachineDetection={"behavior": "hangup", "mode": "default"}),
]
nccos = st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4)
acts = st.lists(st.sampled_from(["1", "#", "speak", "silence", "wait", "hang up", "other hangs up"]), max_size=6)


async def act(call: Leg, doing: str) -> None:
    if doing == "hang up":
        await call.hang_up()
    elif doing == "other hangs up" and call.dialled:
        await call.dialled[-1].hang_up()
    elif call.is_over or doing == "wait":
        await call.listen(until=call.at + 1.3)
    elif doing == "speak":
        await call.speak("one two")
    elif doing == "silence":
        await call.silence()
    elif doing in "1#":
        await call.press(doing)


async def played(
    ncco: Any, replies: Any, doings: list[str], outcome: Any, chaos: Chaos | None = None
) -> tuple[Line, Leg]:
    paths = dict.fromkeys(("input", "notify", "connect"), (playing(replies), playing(None)))
    line = Line({"answer": playing(ncco), **paths}, {"447700900456": Behaviour(outcome)}, chaos=chaos)
    call = await line.call()
    for doing in doings:
        await act(call, doing)
    await call.hang_up()
    await line.vonage.run()
    return line, call


def course(call: Leg) -> tuple[Heard, ...]:
    return call.transcript + tuple(entry for party in call.dialled for entry in party.transcript)


@examples(150)
@given(nccos, nccos, acts, st.sampled_from(OUTCOMES), st.integers(0, 1000) | st.none())
def test_every_call_ends_and_reports_it_once_per_leg(
    ncco: Any, replies: Any, doings: list[str], outcome: str, seed: int | None
) -> None:
    chaos = None if seed is None else Chaos(seed)
    line, call = asyncio.run(played(ncco, replies, doings, outcome, chaos))

    legs = [call, *call.dialled]
    ended = [delivery.fields["uuid"] for delivery in line.vonage.log if delivery.fields.get("status") == "completed"]
    assert all(leg.is_over for leg in legs)
    assert all(1 == ended.count(leg.uuid) for leg in legs if leg.is_answered)
    assert [entry.at for entry in call.transcript] == sorted(entry.at for entry in call.transcript)
    assert all(entry.seconds is not None for leg in legs for entry in leg.transcript)
    assert len(line.bodies("record")) == len({body["recording_uuid"] for body in line.bodies("record")}) or chaos


@examples(50)
@given(nccos, nccos, acts, st.sampled_from(OUTCOMES))
def test_the_same_call_always_goes_the_same_way(ncco: Any, replies: Any, doings: list[str], outcome: str) -> None:
    (first_line, first), (second_line, second) = [asyncio.run(played(ncco, replies, doings, outcome)) for _ in range(2)]

    assert course(first) == course(second)
    assert first_line.server.requests == second_line.server.requests


@each_case("code", RULES)
def test_every_good_example_of_a_rule_is_played(code: str) -> None:
    ncco = json.loads(RULES[code].good)

    _, call = asyncio.run(played(ncco, [talk("one")], ["wait", "1", "silence"], "answered"))

    assert not [issue for issue in check(ncco) if issue.is_error]
    assert call.is_answered
    assert call.is_over


def test_every_action_is_played() -> None:
    assert PERFORMERS.keys() == actions.ACTIONS.keys()
