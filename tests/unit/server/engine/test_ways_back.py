"""A queue that returns to its hold."""

from __future__ import annotations

from typing import Any

from ncco_server.engine import Turn
from ncco_server.ncco import check
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

QUEUE = """
flow: queue
default: true
start: wait
lookups:
  agents:
    get: "https://queue.example.com/agents"
    returns: {free: bool, numbers: list}
    default: {free: false, numbers: []}
steps:
  wait:
    lookup: agents
    do:
      - talk: "Please hold."
    hold: {until: agents.free, up_to: 10m}
    on: {ready: ring, too_long: end, error: end}
  ring:
    do:
      - talk: "One moment."
      - connect: "{{ agents.numbers }}"
    on: {completed: end, otherwise: wait}
"""


def entered(turn: Turn) -> list[str]:
    return [line.step for line in turn.trace if line.did == "entered"]


def answer(*numbers: str) -> dict[str, Any]:
    return {"agents": {"free": True, "numbers": list(numbers)}}


def test_a_caller_is_held_while_nobody_can_be_dialled() -> None:
    caller = ScriptedCall(load_flow(QUEUE), answers=answer())

    assert ["wait", "ring", "wait"] == entered(caller.turn)
    assert ["Please hold."] == caller.said
    assert not [issue for issue in check(caller.ncco) if issue.severity == "error"]


def test_a_held_caller_is_put_through_as_soon_as_somebody_can_be_dialled() -> None:
    caller = ScriptedCall(load_flow(QUEUE), answers=answer(), dial_allow=("4477",))
    caller.reach("held")
    assert ["Please hold."] == caller.said

    caller.answers |= answer("447700900111")
    caller.reach("held")

    assert ["One moment.", "dials 447700900111"] == caller.said
