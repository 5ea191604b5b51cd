"""Jumps from outside the innermost flow, for every depth, entry and kind of wait.

A jump finds its step or hook in the flow that declares it, although every other flow has a step of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ncco_server.engine import WaitRef, hang_up, observe
from ncco_server.engine.event_hooks import ended
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import recognise
from ncco_server.results import DecidedResult
from tests.unit.server.engine.handled_call import handler
from tests.unit.server.engine.scripted_call import FAILSAFE, ScriptedCall

ROOT = """
flow: root
params: {name: text}
outbound:
  from: "442079460000"
  machine_detection: continue
  on: {answered: first, machine: leave, human: {run: another, with: {who: "{{ name }}"}}, otherwise: {send: told}}
hooks: {told: {post: "https://crm.example.com/told", json: {name: "{{ name }}"}}}
events: {hangup: told, ended: told}
defaults: {on: {error: sorry}, talk: {language: en-GB}}
start: first
steps:
  leave: {do: [talk: "A message for {{ name }}."], goto: end}
  sorry: {do: [talk: "Sorry, {{ name }}."], goto: end}
  bye: {do: [talk: Bye.], goto: end}
"""
LOOKUPS = """
lookups: {agents: {get: "https://queue.example.com/agents", returns: {free: bool}, default: {free: false}}}
"""
LEVEL = """
flow: {name}
outcomes: [done]
hooks: {{rings: {{post: "https://crm.example.com/{name}"}}}}
events: {{ringing: rings}}
defaults: {{talk: {{language: en-GB}}}}
start: first
steps:
  leave: {{do: [talk: "Not in this flow."], goto: {{return: done}}}}
  bye: {{goto: {{return: done}}}}
"""
ANOTHER = """
flow: another
params: {who: text}
start: first
steps:
  first: {do: [talk: "Good day, {{ who }}."], goto: end}
"""
ENTRIES = {
    "run": "  first: {{run: {name}, on: {{done: bye, otherwise: bye}}}}\n",
    "goto": "  first: {{goto: {{run: {name}}}}}\n",
}
WAITS = {
    "choices": 'do: [talk: Hello.], choices: {yes: {dtmf: 1, goto: bye}}, retry: {noinput: ["Hello?"], then: bye}',
    "collect": "do: [talk: Hello.], collect: {into: pin, digits: 4}, goto: bye, retry: {then: bye}",
    "connect": 'do: [talk: Hello., connect: "447700900111"], on: {completed: end, otherwise: bye}',
    "hold": "lookup: agents, do: [talk: Hi.], hold: {until: agents.free, up_to: 1m}, on: {ready: bye, too_long: bye}",
    "checkpoint": "do: [talk: Hello., checkpoint: heard], on: {heard: bye}",
}
WAYS_IN = [way for depth in range(3) for way in product(ENTRIES, repeat=depth)]


@cache
def project(way_in: tuple[str, ...], wait: str) -> Flow:
    """A placed call that waits in the flow reached by this entry."""
    texts = {"another": ANOTHER}
    for depth in range(len(way_in) + 1):
        name = f"level{depth}" if depth else "root"
        text = LEVEL.format(name=name) if depth else ROOT
        if depth < len(way_in):
            text += ENTRIES[way_in[depth]].format(name=f"level{depth + 1}")
        else:
            text += f"  first: {{{WAITS[wait]}}}\n"
        if wait == "collect":
            text += "vars: {pin: text}\n"
        if wait == "hold":
            text += LOOKUPS
        texts[name] = text
    found = load({f"flows/{name}.yaml": text for name, text in texts.items()})
    errors = [f"{issue.place}: {issue.code} {issue.message}" for issue in found.issues if issue.is_error]
    assert not errors, errors
    return found.flows["root"]


def each_wait() -> Iterator[tuple[tuple[str, ...], str, ScriptedCall]]:
    for way_in, wait in product(WAYS_IN, WAITS):
        call = ScriptedCall(project(way_in, wait), given={"name": "Ada"}, answers={"agents": {"free": False}})
        assert (f"level{len(way_in)}" if way_in else "", "first") == (call.session.at, call.session.step)
        yield way_in, wait, call


def test_machine_detection_leads_to_the_step_of_the_flow_with_outbound() -> None:
    for _, _, call in each_wait():
        assert call.detect("machine") is not None
        assert ["A message for Ada."] == call.said
        assert ("", ()) == (call.session.at, call.session.callers)


def test_machine_detection_runs_the_flow_with_the_values_of_the_flow_with_outbound() -> None:
    for _, _, call in each_wait():
        assert call.detect("human") is not None
        assert ["Good day, Ada."] == call.said


def test_a_result_of_machine_detection_before_the_answer_leads_from_a_handler_too() -> None:
    ways = '"on": {"human": {"run": "another", "with": {"who": "Ada"}}, "otherwise": {"send": "told"}}'
    outbound = f'outbound={{"from": "442079460000", "machine_detection": "detect", {ways}}}'
    hooks = 'hooks={"told": {"post": "https://crm.example.com/told"}}'
    flow = handler('await call.talk("Hello.")', {"flows/another.yaml": ANOTHER}, f"{outbound}, {hooks}")
    for detected, heard in {"human": "Good day, Ada.", "machine": "Hello.", "": "Hello."}.items():
        assert [heard] == ScriptedCall(flow, given={}, detected=detected).said


def test_machine_detection_moves_a_call_that_repeated_its_first_question() -> None:
    for way_in in WAYS_IN:
        call = ScriptedCall(project(way_in, "choices"), given={"name": "Ada"})
        call.silence()
        assert call.session.tries

        assert call.detect("machine") is not None
        assert ["A message for Ada."] == call.said


def test_machine_detection_does_not_move_a_call_that_has_answered() -> None:
    for way_in in WAYS_IN:
        call = ScriptedCall(project(way_in, "choices"), given={"name": "Ada"})
        call.press("1")

        assert call.session.is_over or call.detect("machine") is None


def test_a_refused_ncco_leads_to_the_error_exit_of_the_innermost_waiting_flow_that_has_one() -> None:
    for way_in, _, call in each_wait():
        call.refused()
        is_left = "goto" in way_in
        assert ([FAILSAFE[0]["text"]] if is_left else ["Sorry, Ada."]) == call.said


def test_hooks_come_from_the_flow_that_declares_the_events() -> None:
    over = recognise({"status": "completed", "uuid": "leg", "disconnected_by": "user"})
    for way_in, _, call in each_wait():
        is_left = "goto" in way_in
        left = hang_up(call.flow, call.session, over, call.next_context())
        assert ([] if is_left else [{"name": "Ada"}]) == [hook.json for hook in left.hooks]
        at_end = ended(
            call.flow, call.session, over, call.next_context(), decided=DecidedResult("missed", "", "", None)
        )
        assert [{"name": "" if is_left else "Ada"}] == [hook.json for hook in at_end.hooks]


def test_events_of_a_dial_belong_to_the_flow_that_dials() -> None:
    rings = recognise({"status": "ringing", "uuid": "aa01", "direction": "outbound"})
    for way_in in WAYS_IN:
        call = ScriptedCall(project(way_in, "connect"), given={"name": "Ada"})
        ref = WaitRef("event", call.session.id, call.session.turn, call.wait("event").index)
        hooks = observe(call.flow, call.session, ref, rings, call.next_context()).hooks

        assert [f"https://crm.example.com/level{len(way_in)}"] * bool(way_in) == [hook.url for hook in hooks]
