"""Whole calls of callers on hold."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from ncco_server.flow.loader import load
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

QUEUE = """
flow: queue
default: true
start: wait
lookups:
  place:
    get: "https://queue.example.com/{{ call.uuid }}"
    returns: {agent_free: bool, position: int}
    default: {agent_free: false, position: 0}
steps:
  wait:
    lookup: place
    do:
      - talk: "You are number {{ place.position }}."
      - stream: https://example.com/music.mp3
    hold: {until: place.agent_free, up_to: 35s}
    on: {ready: agent, too_long: late, error: late}
  agent:
    do:
      - talk: "Putting you through."
      - connect: "447700900111"
    on: {completed: end, otherwise: late}
  late:
    do: [{talk: "Please call again."}]
    goto: end
"""
MUSIC = "plays https://example.com/music.mp3"


def waiting(position: int, *, free: bool = False) -> dict[str, Any]:
    return {"place": {"agent_free": free, "position": position}}


def test_a_hold_is_never_longer_than_the_flow_says() -> None:
    caller = ScriptedCall(load_flow(QUEUE), answers=waiting(2))
    for _ in range(3):
        caller.reach("held")
    before = caller.said
    caller.reach("held")

    assert ["You are number 2.", MUSIC] == before
    assert ["Please call again."] == caller.said
    (why,) = [line.because for line in caller.turn.trace if line.because.endswith("time is up")]
    assert re.fullmatch(r"place\.agent_free does not hold after [0-9]+ s, and time is up", why)


OPENING = """
flow: queue
default: true
start: queue
hours: {office: {timezone: UTC, week: {mon-fri: 12:01-17:30}}}
steps:
  queue:
    do: [{talk: "Please hold."}]
    hold: {until: hours.office.open, up_to: 5m}
    on: {ready: agent, too_long: end}
  agent:
    do: [{talk: "We are open."}]
    goto: end
"""


def test_opening_hours_are_checked_on_every_repeat() -> None:
    caller = ScriptedCall(load_flow(OPENING))
    first = caller.said
    caller.now += timedelta(minutes=1)
    caller.reach("held")

    assert ["Please hold."] == first
    assert ["We are open."] == caller.said


def test_setting_the_clock_back_does_not_extend_a_hold() -> None:
    caller = ScriptedCall(load_flow(QUEUE), answers=waiting(2))
    caller.now -= timedelta(hours=1)
    caller.reach("held")
    for _ in range(4):
        caller.reach("held")

    assert ["Please call again."] == caller.said


@each_case(
    ("old", "new"),
    [
        ("lookup: place", "lookup: [place]"),
        ("lookup: place", "lookup: {place: {}}"),
        ("until: place.agent_free", "until: now == now"),
    ],
)
def test_waiting_for_a_value_that_may_change_is_fine(old: str, new: str) -> None:
    assert () == load({"flows/queue.yaml": QUEUE.replace(old, new)}).issues
