"""The bounds, limits and variables of a proof, and the scenarios that it writes."""

from __future__ import annotations

import pytest

from ncco_studio.verify.prove import SearchLimits, never_run, prove
from ncco_studio.verify.prove.counterexample import covering
from tests.system.studio.verify.prove.proved_flows import NOW, counter_examples, flow_of, found, proof_of

MENU = """  menu:
    do:
      - talk: "Press 1 to end."
    choices: {leave: {dtmf: 1, speech: [leave], goto: bye}}
"""
LOOKUP = 'lookups: {{it: {{get: "https://example.com/it", returns: {{{0}}}}}}}\n'
QUEUE = """  wait:
    lookup: it
    do:
      - talk: "Please hold."
    hold: {until: it.free, up_to: 1m}
    on: {ready: ring, too_long: bye}
  ring:
    do:
      - connect: "447700900111"
    on: {completed: end, otherwise: wait}
"""
SUB = """flow: sub
start: say
defaults: {on: {error: later}}
steps:
  say: {do: [{talk: "Hello."}], goto: end}
  later: {do: [{talk: "Later."}], goto: end}
"""


@pytest.mark.parametrize(
    ("bounds", "stopped"), [(SearchLimits(states=1), "1 states"), (SearchLimits(seconds=0), "0 seconds")]
)
def test_an_exploration_stops_at_its_bounds_and_reports_no_unreachable_step(bounds: SearchLimits, stopped: str) -> None:
    proof = prove(flow_of(MENU), NOW, bounds=bounds)

    assert ("stopped", stopped) == (proof.verdict.status, proof.space.stopped)
    assert set() == found(proof)


def test_the_limit_of_silence_can_be_set() -> None:
    assert {("silence", "menu")} == found(prove(flow_of(MENU), NOW, silence_s=5))


def test_a_variable_of_the_server_is_a_number_where_it_is_dialled_unless_it_is_set() -> None:
    steps = """  hello:
    do:
      - connect: "{{ env.DESK }}"
    on: {completed: end, otherwise: bye}
"""

    assert proof_of(steps).env["DESK"].isdigit()
    assert {"DESK": "441632960000"} == prove(flow_of(steps), NOW, env={"DESK": "441632960000"}).env


def test_a_counter_that_nothing_tests_adds_no_states() -> None:
    counted = MENU.replace("goto: bye", 'set: {n: "{{ n + 1 }}"}, goto: menu')
    proof = proof_of(counted, "vars: {n: {type: int}}\n")

    assert {0} == {state.session.variables["n"] for state in proof.space.states}


def test_a_call_that_dials_again_and_again_reaches_the_dial_limit() -> None:
    proof = proof_of(QUEUE, LOOKUP.format("free: bool"))
    fault = next(each for each in proof.violations if each.kind == "error_exit")

    assert {("error_exit", "ring")} == found(proof)
    assert fault.turn is not None
    assert 10 == sum(each.dials for each in fault.turn.first_path)
    assert ("test", "sorry") in proof.space.entered


def test_a_step_of_another_flow_reached_only_by_faults_is_not_unreachable() -> None:
    proof = proof_of(MENU.replace("goto: bye", "goto: {run: sub}"), "", sub=SUB)

    assert [] == never_run({"test": proof.flow, **proof.flow.subs}, [proof.verdict])


def test_a_question_about_the_time_sets_the_moment_of_a_scenario() -> None:
    condition = 'now | in_zone("Europe/London") | spoken("weekday")'
    steps = f"""  ask:
    branch:
      - if: ({condition}) == "Sunday"
        goto: bye
      - else: sorry
"""
    (written,) = covering(proof_of(steps), {("test", "ask", f'if ({condition}) == "Sunday"')})

    assert "2026-03-08" == written.body["at"][:10]


def test_a_value_that_is_used_twice_in_a_scenario_is_written_twice() -> None:
    steps = """  ask:
    lookup: it
    do:
      - talk: "One moment."
    branch:
      - if: it.tier == 'gold'
        goto: bye
      - else: menu
"""
    proof = proof_of(steps + MENU, LOOKUP.format("tier: text"))
    (scenario,) = covering(proof, {("test", "menu", "leave by keys")})

    assert "press: '1'" in scenario.text
    assert "&id" not in scenario.text


def test_violations_of_one_step_have_scenarios_with_unique_names() -> None:
    steps = """  hello:
    lookup: it
    do:
      - talk: "{{ it.names[0] }}"
      - connect: "{{ it.number }}"
    on: {completed: end, otherwise: bye}
"""
    proof = proof_of(steps, LOOKUP.format("names: [text], number: phone"))
    names = [each.name for each in counter_examples(proof)]

    assert len(names) == len(set(names)) > 0
