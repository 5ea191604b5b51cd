from __future__ import annotations

from tests.unit.server.flow.loading_flows import codes_of, faults_of, marked

CURE = "ask the caller, end the call, or count the rounds and leave with a `branch`"


def said(name: str, goto: str) -> str:
    return f'{name}:\n  do:\n    - talk: "{name}"\n  goto: {goto}\n'


def menu(name: str, goto: str, then: str) -> str:
    return f"""{name}:
  do:
    - talk: "Press 1."
  choices:
    one: {{dtmf: 1, goto: {goto}}}
  retry: {{then: {then}}}
"""


def test_only_the_first_of_a_chain_of_unreachable_steps_is_reported() -> None:
    steps = said("hello", "end") + said("lost", "further") + said("further", "last") + said("last", "end")

    assert ['W215 no caller can reach step "lost" → make another step lead to it, or delete it'] == faults_of(steps)


def test_only_the_first_of_a_cycle_of_unreachable_steps_is_reported() -> None:
    steps = said("hello", "end") + menu("lost", "found", "end") + menu("found", "lost", "end")

    assert ["W215 lost"] == marked(steps)


def test_a_step_reached_only_from_itself_is_unreachable() -> None:
    steps = said("hello", "end") + menu("lost", "lost", "end")

    assert ["W215 lost"] == marked(steps)


def test_choices_and_last_tries_lead_to_steps() -> None:
    steps = menu("hello", "one", "other") + said("one", "end") + said("other", "end")

    assert [] == codes_of(steps)


def test_a_misspelt_target_is_treated_as_the_nearest_step() -> None:
    steps = said("hello", "suport") + said("support", "end")

    assert ["E214"] == codes_of(steps)


def test_no_step_is_reported_as_unreachable_while_an_exit_is_missing() -> None:
    steps = 'hello:\n  do:\n    - talk: "Hello."\n' + said("next", "end")

    assert ["W217"] == codes_of(steps)


def test_a_cycle_is_reported_with_its_path() -> None:
    steps = said("hello", "a") + said("a", "b") + said("b", "a")

    assert [
        "E216 a call can loop forever without valid input from the caller: a → b → a (a: goto, b: goto) → " + CURE
    ] == faults_of(steps)


def test_a_cycle_through_a_choice_is_fine() -> None:
    steps = menu("hello", "hours", "end") + said("hours", "hello")

    assert [] == codes_of(steps)
