from __future__ import annotations

import pytest

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


def test_error_exits_lead_to_steps() -> None:
    head = "defaults: {on: {error: sorry}}\n"
    own = said("hello", "end") + "  on: {error: oops}\n"

    assert [] == codes_of(own + said("sorry", "end") + said("oops", "end"), head)


def test_choices_and_last_tries_lead_to_steps() -> None:
    steps = menu("hello", "one", "other") + said("one", "end") + said("other", "end")

    assert [] == codes_of(steps)


def test_a_misspelt_target_is_treated_as_the_nearest_step() -> None:
    steps = said("hello", "suport") + said("support", "end")

    assert ["E214"] == codes_of(steps)


def test_while_a_target_is_unknown_no_step_is_reported_as_unreachable() -> None:
    steps = said("hello", "nowhere") + said("support", "end")

    assert ["E214"] == codes_of(steps)


@pytest.mark.parametrize(
    ("steps", "issue"),
    [
        (said("hello", "suport") + said("support", "end") + said("lost", "end"), "E214 suport"),
        (said("hello", "end") + said("lost", "nowhere"), "E214 nowhere"),
    ],
)
def test_an_unreachable_step_is_reported_as_soon_as_every_target_is_known(steps: str, issue: str) -> None:
    assert [issue] == marked(steps)


def test_no_step_is_reported_as_unreachable_while_an_exit_is_missing() -> None:
    steps = 'hello:\n  do:\n    - talk: "Hello."\n' + said("next", "end")

    assert ["W217"] == codes_of(steps)


def test_a_cycle_is_reported_with_its_path() -> None:
    steps = said("hello", "a") + said("a", "b") + said("b", "a")

    assert [
        "E216 a call can loop forever without valid input from the caller: a → b → a (a: goto, b: goto) → " + CURE
    ] == faults_of(steps)


def test_a_cycle_through_silence_is_reported_too() -> None:
    steps = menu("hello", "end", "wait") + said("wait", "hello")

    assert [
        "E216 a call can loop forever without valid input from the caller:"
        " hello → wait → hello (hello: noinput, wait: goto) → " + CURE
    ] == faults_of(steps)


def test_a_cycle_through_a_choice_is_fine() -> None:
    steps = menu("hello", "hours", "end") + said("hours", "hello")

    assert [] == codes_of(steps)


def test_a_cycle_of_dials_is_reported_too() -> None:
    def dial(name: str, otherwise: str) -> str:
        return f'{name}:\n  do: [{{connect: "447700900111"}}]\n  on: {{completed: end, otherwise: {otherwise}}}\n'

    assert ["E216"] == codes_of(dial("hello", "second") + dial("second", "hello"))


def test_two_cycles_that_share_a_step_are_reported_once() -> None:
    branch = "hello:\n  branch: [{if: call.from == '1', goto: a}, {else: b}]\n"

    assert ["E216"] == codes_of(branch + said("a", "hello") + said("b", "hello"))


def test_two_separate_cycles_are_both_reported() -> None:
    branch = "hello:\n  branch: [{if: call.from == '1', goto: a}, {else: b}]\n"

    assert ["E216", "E216"] == codes_of(branch + said("a", "a") + said("b", "b"))


def test_a_step_before_a_cycle_is_not_part_of_it() -> None:
    steps = said("hello", "a") + said("a", "a")

    assert ["E216 a call can loop forever without valid input from the caller: a → a (a: goto) → " + CURE] == faults_of(
        steps
    )
