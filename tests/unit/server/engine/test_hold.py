"""A hold while the clock is set back; what remains of a step that a tail leaves early."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

QUEUE = """
flow: queue
default: true
start: wait
lookups: {place: {get: "https://queue.example.com/place", returns: {free: bool}, default: {free: false}}}
steps:
  wait:
    lookup: place
    do: [{talk: Please hold.}]
    hold: {until: place.free, up_to: 35s}
    on: {ready: end, too_long: late}
  late: {do: [{talk: Please call again.}], goto: end}
"""
LEAVING = """
flow: test
default: true
start: hello
vars: {open: {type: bool, default: true}}
defaults: {retry: {then: end}, on: {error: wait}}
steps:
  hello: {set: {open: "{{ call.from != '' }}"}, do: [{talk: Press 1.}], choices: {one: {dtmf: 1, goto: end}}}
  wait:
    do: [{talk: "Please hold, {{ call.custom_data.name }}."}]
    hold: {until: open, up_to: 1m}
    on: {ready: bye, too_long: end, error: end}
  bye: {do: [{talk: Goodbye.}], goto: end}
"""


def test_setting_the_clock_back_does_not_extend_a_hold() -> None:
    caller = ScriptedCall(load_flow(QUEUE), answers={"place": {"free": False}})
    caller.now -= timedelta(hours=1)
    for _ in range(5):
        caller.reach("held")

    assert ["Please call again."] == caller.said
    (why,) = [line.because for line in caller.turn.trace if line.because.endswith("time is up")]
    assert re.fullmatch(r"place\.free does not hold after [0-9]+ s, and time is up", why)


def test_a_tail_that_leaves_a_step_early_does_not_play_it() -> None:
    ncco = ScriptedCall(load_flow(LEAVING)).ncco

    assert ["Press 1.", "Goodbye."] == [action["text"] for action in ncco if action["action"] == "talk"]
