from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.engine import Call, Turn
from app.engine.script import SOUND_LIMIT
from app.flow.loader import load
from app.flow.model import Flow
from tests.engine.generated_flows import CALLS, LIMITS, TEMPLATES, WEBHOOKS, flow_texts
from tests.engine.scripted_call import LEG, ScriptedCall, load_flow


def loaded(text: str) -> Flow:
    """The flow of a text; discarded when it has errors."""
    project = load({"flows/test.yaml": text, **TEMPLATES})
    assume(not project.has_errors)
    return project.flows["test"]


def step_by_step(flow: Flow) -> Flow:
    """The same flow, of which nothing is laid out."""
    return replace(flow, sound=set(), stretches=dict.fromkeys(("", *flow.steps)))


def played(flow: Flow, call: dict[str, Any], around: dict[str, Any], webhooks: list[Any]) -> list[tuple[Turn, bytes]]:
    """Every turn of a call, and its NCCO as JSON, which has an order."""
    scripted = ScriptedCall(flow, call=Call(uuid=LEG, **call), **around)
    turns = [scripted.turn]
    for kind, fields in webhooks:
        if kind == "refused":
            scripted.refused()
        elif any(wait.kind == kind for wait in scripted.session.waits):
            scripted.send(fields, kind)
        turns.append(scripted.turn)
    return [(turn, orjson.dumps(turn.ncco)) for turn in turns]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(flow_texts(), st.lists(st.tuples(CALLS, LIMITS, st.lists(WEBHOOKS, max_size=4)), min_size=2, max_size=5))
def test_a_stretch_is_played_as_its_steps_are(text: str, calls: list[Any]) -> None:
    flow = loaded(text)
    reference = step_by_step(flow)

    for call, around, webhooks in calls:
        assert played(reference, call, around, webhooks) == played(flow, call, around, webhooks)


GREETING = """
flow: test
default: true
start: a
vars:
  team: {type: text, default: sales}
defaults:
  on: {error: sorry}
steps:
  a:
    do:
      - talk: "Hello {{ call.from_user }}."
    goto: b
  b:
    do:
      - talk: "For sales press 1."
    choices:
      one: {dtmf: 1, goto: c}
    retry: {then: c}
  c:
    do:
      - connect: "447700900111"
      - connect: "447700900222"
    goto: sorry
  sorry:
    do:
      - talk: "Goodbye {{ team }}."
    goto: end
"""


def twice(flow: Flow, **around: Any) -> ScriptedCall:
    """A call whose steps another call has played before."""
    ScriptedCall(flow).press("1")
    return ScriptedCall(flow, **around)


def test_steps_up_to_a_wait_are_laid_out_once() -> None:
    flow = load_flow(GREETING)
    call = twice(flow)
    call.press("1")

    assert {"", "c"} == {step for step, stretch in flow.stretches.items() if stretch is not None}


def test_a_text_that_is_too_long_is_found_on_every_call() -> None:
    call = twice(load_flow(GREETING), call=Call(to="442079460000", from_user="x" * 1500, uuid=LEG))

    assert ["Goodbye sales."] == call.said


def test_a_text_of_any_letters_is_spoken() -> None:
    call = twice(load_flow(GREETING), call=Call(to="442079460000", from_user="Zoë", uuid=LEG))

    assert ["Hello Zoë.", "For sales press 1."] == call.said


def test_a_call_that_may_not_dial_again_takes_the_error_exit() -> None:
    call = twice(load_flow(GREETING), dial_limit=1)
    call.press("1")

    assert ["Goodbye sales."] == call.said


TAIL_THAT_DIALS = """
flow: test
default: true
start: dial
steps:
  dial:
    do: [connect: "447700900111"]
    goto: menu
  menu:
    do: [talk: "Press 1."]
    choices: {one: {dtmf: 1, goto: menu}}
    retry: {then: end}
    on: {error: reception}
  reception:
    do: [connect: "447700900333"]
    goto: end
"""


def test_a_call_that_may_not_dial_again_has_the_failsafe_behind_an_input() -> None:
    call = twice(load_flow(TAIL_THAT_DIALS), dial_limit=1)
    first = call.ncco[-1]
    call.press("1")

    assert ["talk", "talk"] == [first["action"], call.ncco[-1]["action"]]


def test_a_call_that_may_dial_once_more_keeps_the_connect_behind_an_input() -> None:
    call = twice(load_flow(TAIL_THAT_DIALS), dial_limit=2)
    first = call.ncco[-1]
    call.press("1")

    assert ["connect", "connect"] == [first["action"], call.ncco[-1]["action"]]
    assert 1 == call.session.dialled


def test_no_call_has_the_actions_of_another() -> None:
    flow = load_flow(GREETING)
    first = twice(flow)
    first.ncco[0]["text"] = "changed"
    second = ScriptedCall(flow)

    assert "Hello ." == second.said[0]


NO_END = (
    GREETING.replace("start: a", "start: s0")
    .replace("steps:\n", "steps:\n" + "".join(f"  s{n}:\n    do: [talk: hi]\n    goto: s{n + 1}\n" for n in range(210)))
    .replace("goto: s210", "goto: a")
)


def test_a_flow_of_more_steps_than_a_turn_may_enter_is_stopped() -> None:
    call = ScriptedCall(load_flow(NO_END))

    assert ["Please call again later."] == call.said


def test_what_an_order_of_actions_depends_on_is_computed_for_each_call() -> None:
    text = GREETING.replace('- talk: "Hello {{ call.from_user }}."', "- talk: {text: hi, loop: '{{ n }}'}")
    flow = load_flow(text.replace("vars:\n", "vars:\n  n: {type: int, default: 2}\n"))
    call = twice(flow)

    assert 2 == call.ncco[0]["loop"]
    assert flow.stretches[""] is None


def test_a_tail_that_cannot_be_computed_is_the_failsafe() -> None:
    call = twice(load_flow(GREETING.replace("Goodbye {{ team }}.", "Goodbye {{ call.custom_data.name }}.")))

    assert {"action": "talk", "text": "Please call again later."} == call.ncco[-1]


def test_a_tail_that_branches_is_that_of_its_call() -> None:
    text = GREETING.replace(
        "    goto: end", "    branch:\n      - if: call.from_user == 'Ann'\n        goto: ann\n      - else: end"
    )
    text += "  ann:\n    do: [talk: Bye Ann.]\n    goto: end\n"
    call = twice(load_flow(text), call=Call(to="442079460000", from_user="Ann", uuid=LEG))

    assert ["Goodbye sales.", "Bye Ann."] == [action["text"] for action in call.ncco[-2:]]


def test_shapes_are_remembered_up_to_a_limit() -> None:
    flow = load_flow(GREETING)
    flow.sound.update((number,) for number in range(SOUND_LIMIT))
    call = twice(flow)

    assert ["Hello .", "For sales press 1."] == call.said
    assert SOUND_LIMIT == len(flow.sound)


def test_a_later_step_that_cannot_be_computed_in_one_call_takes_the_error_exit_in_that_one() -> None:
    flow = load_flow(GREETING.replace('- connect: "447700900111"', '- talk: "{{ call.custom_data.name }}"', 1))
    known = ScriptedCall(flow, call=Call(to="442079460000", custom_data={"name": "Ann"}, uuid=LEG))
    known.press("1")
    stranger = ScriptedCall(flow)
    stranger.press("1")

    assert "Ann" == known.said[0]
    assert ["Goodbye sales."] == stranger.said


def test_a_choice_whose_value_cannot_be_computed_takes_the_error_exit() -> None:
    text = GREETING.replace("goto: c}", "set: {team: '{{ call.custom_data.name }}'}, goto: c}")
    call = twice(load_flow(text))
    call.press("1")

    assert ["Goodbye sales."] == call.said


def test_a_look_up_is_asked_before_its_step_is_played() -> None:
    crm = 'lookups: {crm: {get: "https://crm.example.com/", returns: {name: text}, default: {name: ""}}}'
    asking = GREETING.replace("steps:\n  a:\n", f"{crm}\nsteps:\n  a:\n    lookup: crm\n")
    flow = load_flow(asking.replace("call.from_user", "crm.name"))
    call = ScriptedCall(flow, answers={"crm": {"name": "Ann"}})

    assert ["Hello Ann.", "For sales press 1."] == call.said


def test_a_value_that_only_other_calls_have_takes_the_error_exit() -> None:
    flow = load_flow(GREETING.replace("call.from_user", "call.custom_data.name"))
    known = Call(to="442079460000", custom_data={"name": "Ann"}, uuid=LEG)
    calls = [ScriptedCall(flow, call=call) for call in (known, known, Call(uuid=LEG))]

    assert ["Hello Ann.", "Hello Ann.", "Goodbye sales."] == [call.said[0] for call in calls]


def test_without_an_error_exit_the_failsafe_stands_behind_an_input() -> None:
    text = GREETING.replace("defaults:\n  on: {error: sorry}\n", "")
    call = twice(load_flow(text))

    assert {"action": "talk", "text": "Please call again later."} == call.ncco[-1]


def test_what_a_step_sets_is_set_in_each_call() -> None:
    text = GREETING.replace("  b:\n", "  b:\n    set: {team: '{{ call.from_user }}'}\n")
    call = twice(load_flow(text), call=Call(to="442079460000", from_user="Ann", uuid=LEG))

    assert {"team": "Ann"} == call.session.variables
    assert "Goodbye Ann." == call.ncco[-1]["text"]


def test_an_error_exit_that_is_refused_too_leaves_the_failsafe() -> None:
    text = GREETING.replace("Goodbye {{ team }}.", "Goodbye {{ call.from_user }}.")
    call = twice(load_flow(text), call=Call(to="442079460000", from_user="x" * 1500, uuid=LEG))

    assert ["Please call again later."] == call.said
