"""Whole calls of callers on hold; what remains of a turn that ends in the failsafe; tails."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from ncco_server.engine import Turn
from ncco_server.flow.loader import load
from ncco_server.ncco import check
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import FAILSAFE, ScriptedCall, load_flow

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


def test_a_repeated_prompt_that_cannot_be_computed_fails_with_its_code() -> None:
    spoken = QUEUE.replace("position: int", "since: 'time?'").replace("position: 0", "since: ''")
    flow = load_flow(spoken.replace("You are number {{ place.position }}.", "Since {{ place.since | spoken }}."))
    caller = ScriptedCall(flow, answers={"place": {"agent_free": False, "since": "09:30"}})
    caller.answers = {"place": {"agent_free": False, "since": ""}}
    caller.reach("held")

    assert ["E395"] == [line.what for line in caller.turn.trace if line.did == "failed"]
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


FLAG_QUEUE = """
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
    caller = ScriptedCall(load_flow(FLAG_QUEUE), answers=answer())

    assert ["wait", "ring", "wait"] == entered(caller.turn)
    assert ["Please hold."] == caller.said
    assert not [issue for issue in check(caller.ncco) if issue.severity == "error"]


def test_a_held_caller_is_put_through_as_soon_as_somebody_can_be_dialled() -> None:
    caller = ScriptedCall(load_flow(FLAG_QUEUE), answers=answer(), dial_allow=("4477",))
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
