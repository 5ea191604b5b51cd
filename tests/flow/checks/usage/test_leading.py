from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import codes, faults

NUMBERS = 'numbers: ["+44 20 7946 0000"]\n'


@pytest.mark.parametrize(
    "connect",
    [
        'connect: "442079460000"',
        'connect: "+44 20 7946 0000"',
        'connect: ["447700900111", "442079460000"]',
        'connect: {type: phone, number: "442079460000"}',
    ],
)
def test_a_call_that_dials_its_own_number_is_told(connect: str) -> None:
    assert ["W640"] == codes(f"hello:\n  do:\n    - {connect}\n  on: {{completed: end, otherwise: end}}", NUMBERS)


@pytest.mark.parametrize(
    "connect",
    ['connect: "447700900111"', 'connect: "{{ call.from }}"', "connect: sip:desk@example.com", "talk: Hello."],
)
def test_whoever_else_is_dialled_is_fine(connect: str) -> None:
    on = "on: {completed: end, otherwise: end}" if "connect" in connect else "goto: end"

    assert [] == faults(f"hello:\n  do:\n    - {connect}\n  {on}", NUMBERS)


def test_an_error_that_leads_to_its_own_step_is_told() -> None:
    steps = "hello:\n  do:\n    - talk: '{{ call.from }}'\n  on: {error: %s}\n  goto: end"

    assert ['8:17 W645 when the step "hello" fails, this leads back to it, and it is not tried again'] == faults(
        steps % "hello"
    )
    assert [] == faults(steps % "end")


def test_the_error_step_of_the_flow_has_no_other() -> None:
    steps = "hello:\n  do:\n    - talk: '{{ call.from }}'\n  goto: end"

    assert [] == faults(steps, "defaults: {on: {error: hello}}\n")


@pytest.mark.parametrize(
    "steps",
    [
        "hello:\n  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, goto: end}\n  retry: {then: hello}",
        "hello:\n  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, goto: end}\n  retry: {then: hint}\n"
        "hint:\n  do:\n    - talk: Please press a key.\n  goto: hello",
        "hello:\n  do:\n    - connect: '447700900111'\n  on: {completed: hello, otherwise: end}",
        "hello:\n  do:\n    - talk: Your PIN?\n  collect: {into: pin, digits: 4}\n  goto: end\n"
        "  retry: {then: {noinput: hello, nomatch: end}}",
    ],
)
def test_what_leads_straight_back_is_a_circle_without_input(steps: str) -> None:
    assert ["E216"] == codes(steps)


def test_an_error_that_dials_the_same_is_told() -> None:
    steps = (
        "hello:\n  do:\n    - connect: '{{ call.from_user }}'\n  on: {completed: end, otherwise: end, error: again}\n"
        "again:\n  do:\n    - talk: Once more.\n    - connect: '%s'\n  on: {completed: end, otherwise: end}"
    )

    assert ['8:49 W645 when the step "hello" cannot dial, this leads to "again", which dials the same'] == faults(
        steps % "{{ call.from_user }}"
    )
    assert [] == faults(steps % "{{ call.from }}")
    assert [] == faults(steps % "447700900111")
    assert ["W645"] == codes(
        (steps % "{{ call.from_user }}").replace(", error: again", "").replace("otherwise: end", "otherwise: more", 1)
        + "\nmore:\n  do:\n    - connect: '{{ call.from_user }}'\n  on: {completed: end, otherwise: end}",
        "defaults: {on: {error: again}}\n",
    )
