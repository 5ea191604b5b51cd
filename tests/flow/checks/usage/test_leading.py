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
        'connect: "{{ call.to }}"',
        'connect: "+{{ call.to }}"',
        'connect: ["447700900111", {number: "{{ call[\'to\'] }}"}]',
    ],
)
def test_a_call_that_dials_its_own_number_is_told(connect: str) -> None:
    assert ["W640"] == codes(f"hello:\n  do:\n    - {connect}\n  on: {{completed: end, otherwise: end}}", NUMBERS)


@pytest.mark.parametrize(
    "connect",
    [
        'connect: "447700900111"',
        'connect: "{{ call.from }}"',
        'connect: "44{{ call.to }}"',
        "connect: '{{ call.to if call.from else \"447700900111\" }}'",
        "connect: sip:desk@example.com",
        "talk: Hello.",
    ],
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


def test_a_flow_without_numbers_dials_the_called_number_in_vain_too() -> None:
    steps = "hello:\n  do: [{connect: '{{ call.to }}'}]\n  on: {completed: end, otherwise: end}"

    assert ["6:20 W640 this is the number that the call came in on: whoever is put through here begins anew"] == faults(
        steps
    )


@pytest.mark.parametrize(
    ("from_", "shown"),
    [
        ("{{ call.from }}", "call.from"),
        ("+{{ call.from }}", "call.from"),
        ("{{ call.from_user }}", "call.from_user"),
        ("{{ call.from if call.from else call.to }}", "call.from"),
        ("{{ input.digits }}", "input.digits"),
    ],
)
def test_a_phone_that_is_dialled_from_the_number_of_the_caller_is_told(from_: str, shown: str) -> None:
    connect = f"{{connect: ['447700900111'], from: '{from_}'}}"
    steps = f"hello:\n  do: [{connect}]\n  on: {{completed: end, otherwise: end}}"

    assert [f"W647 `from` is {shown}, which is no number of yours: this never connects"] == [
        fault.partition(" ")[2] for fault in faults(steps)
    ]


@pytest.mark.parametrize(
    "connect",
    [
        "{connect: '447700900111', from: '{{ call.to }}'}",
        "{connect: '447700900111', from: '{{ ours }}'}",
        "{connect: '447700900111', from: '442079460000'}",
        "{connect: '447700900111', randomFromNumber: true}",
        "{connect: 'sip:desk@example.com', from: '{{ call.from }}'}",
        "{connect: {type: app, user: anna}, from: '{{ call.from }}'}",
    ],
)
def test_a_number_of_ours_and_any_number_for_what_is_no_phone_are_fine(connect: str) -> None:
    head = "vars: {ours: {type: phone, default: '442079460001'}}\n"
    steps = f"hello:\n  do: [{connect}]\n  on: {{completed: end, otherwise: end}}"

    assert [] == [fault for fault in faults(steps, head) if "W630" not in fault]


def test_the_error_step_of_the_flow_has_no_other() -> None:
    steps = "hello:\n  do:\n    - talk: '{{ call.from }}'\n  goto: sorry\nsorry:\n  do: [{talk: Sorry.}]\n  goto: end"

    assert [] == faults(steps, "defaults: {on: {error: sorry}}\n")


@pytest.mark.parametrize(
    "others", ["goto: end", "on: {error: end}\n  goto: end\nother:\n  on: {error: hello}\n  goto: end"]
)
def test_an_error_step_to_which_only_itself_leads_is_told(others: str) -> None:
    steps = "hello:\n  do:\n    - talk: '{{ call.from }}'\n  goto: end"
    head = "defaults: {on: {error: hello}}\n"

    assert ['4:24 W645 only the step "hello" itself leads here when it fails, and it is not tried again'] == faults(
        steps, head
    )
    assert ["W645"] == codes(
        steps.replace("goto: end", "goto: other\nother:\n  do: [{talk: Bye.}]\n  on: {error: end}\n  goto: end"), head
    )
    assert [] == codes(steps.replace("goto: end", "on: {error: end}\n  goto: end"), head)


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
