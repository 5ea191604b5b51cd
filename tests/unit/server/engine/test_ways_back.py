"""A queue that returns to its hold, what remains of a turn that ends in the failsafe, and tails that decide early."""

from __future__ import annotations

from typing import Any

from ncco_server.engine import Turn
from ncco_server.ncco import check
from tests.unit.server.engine.scripted_call import FAILSAFE, ScriptedCall, load_flow

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


def test_hooks_of_steps_before_the_failsafe_are_sent_and_their_variables_kept() -> None:
    flow = load_flow(
        """
flow: test
default: true
start: hello
vars:
  seen: {type: text, default: "no"}
hooks:
  began: {post: "https://crm.example.com/calls", json: {from: "{{ call.from }}"}}
  never: {post: "https://crm.example.com/calls", json: {from: "{{ call.from }}"}}
steps:
  hello:
    set: {seen: "yes"}
    send: began
    do: [{talk: "Hello."}]
    goto: broken
  broken:
    set: {seen: "{{ seen }} and broken"}
    send: never
    do: [{talk: "{{ call.custom_data.nobody }}"}]
    goto: end
"""
    )

    turn = ScriptedCall(flow).turn

    assert list(FAILSAFE) == turn.ncco
    assert ["began"] == [hook.name for hook in turn.hooks]
    assert {"seen": "yes"} == turn.session.variables


def test_a_tail_that_leaves_a_step_early_does_not_play_it() -> None:
    flow = load_flow(
        """
flow: test
default: true
start: hello
vars:
  open: {type: bool, default: true}
defaults:
  retry: {then: end}
  on: {error: wait}
steps:
  hello:
    set: {open: "{{ call.from != '' }}"}
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: end}}
  wait:
    do: [{talk: "Please hold, {{ call.custom_data.name }}."}]
    hold: {until: open, up_to: 1m}
    on: {ready: bye, too_long: end, error: end}
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
"""
    )

    ncco = ScriptedCall(flow).ncco

    assert ["Press 1.", "Goodbye."] == [action["text"] for action in ncco if action["action"] == "talk"]
