from __future__ import annotations

import pytest

from app.flow.model import Frame, Outcome
from tests.flow.loading_flows import exit_of, faults_of

VARS = """
vars:
  tries: {type: int, default: "0"}
"""
STEPS = """
hello:
  branch:
    - if: tries == 0
      goto: first
    - if: tries > 2
      goto: end
    - else: other
first:
  do:
    - talk: "First."
  goto: end
other:
  do:
    - talk: "Other."
  goto: end
"""


@pytest.mark.parametrize(
    ("tries", "target", "because", "others"),
    [
        (0, "first", "tries == 0 holds", ()),
        (3, None, "tries > 2 holds", ("tries == 0 does not hold",)),
        (1, "other", "else: no condition holds", ("tries == 0 does not hold", "tries > 2 does not hold")),
    ],
)
def test_the_first_line_that_holds_decides(tries: int, target: str | None, because: str, others: tuple[str]) -> None:
    jump = exit_of(STEPS, VARS).enter(Frame({"tries": tries}))

    assert jump is not None
    assert target == jump.target.step
    assert because == jump.because
    assert others == jump.others


def test_the_place_of_a_jump_is_the_line_that_decided() -> None:
    jump = exit_of(STEPS, VARS).enter(Frame({"tries": 3}))

    assert jump is not None
    assert jump.place.line == 12


def test_the_trace_never_shows_what_a_sensitive_value_is_compared_with() -> None:
    steps = """
    hello:
      branch:
        - if: pin == "2580"
          goto: end
        - else: end
    """
    exit_ = exit_of(steps, "vars: {pin: {type: text, sensitive: true}}\n")

    held = exit_.enter(Frame({"pin": "2580"}))
    failed = exit_.enter(Frame({"pin": "1"}))

    assert held is not None
    assert failed is not None
    assert held.because == "the condition in line 8 holds"
    assert failed.others == ("the condition in line 8 does not hold",)
    assert [edge.label for edge in exit_.edges()] == ["if the condition in line 8", "else"]


def test_no_webhook_decides_on_a_branch() -> None:
    exit_ = exit_of(STEPS, VARS)

    assert exit_.asked is None
    assert exit_.decide(Outcome("choice"), Frame({}), 0) is None


def test_edges_are_the_lines_and_none_passes_input() -> None:
    edges = list(exit_of(STEPS, VARS).edges())

    assert [("if tries == 0", "first"), ("if tries > 2", None), ("else", "other")] == [
        (edge.label, edge.target.step) for edge in edges
    ]
    assert not any(edge.passes_input for edge in edges)


@pytest.mark.parametrize(
    ("branch", "fault"),
    [
        (
            "branch: {if: call.from == '1', goto: end}",
            "E201 `branch` is a map → write a list: `- if: condition` with `goto: step` under it,"
            " at last `- else: step`",
        ),
        ("branch: end", "E201 `branch` is a text → write a list here"),
        (
            "branch: [{if: call.from == '1', goto: end}]",
            "E250 `branch` has no `else`: where does a call go that fits no line? → end the list with `- else: step`",
        ),
        (
            "branch: []",
            "E250 `branch` has no `else`: where does a call go that fits no line? → end the list with `- else: step`",
        ),
        (
            "branch: [{else: end}, {else: end}]",
            "E251 this line of `branch` comes after `else` and is never reached"
            " → let `else` be the last line, and only once",
        ),
        (
            "branch: [{if: call.from == '1', else: end}]",
            "E251 `if` and `else` are in one line of `branch`"
            " → write `- else: step` as a line of its own, the last one",
        ),
        (
            "branch: [{if: call.from == '1'}, {else: end}]",
            "E204 a line of `branch` has no `goto` → write `goto: step` under the `if`",
        ),
        (
            "branch: [{if: 1 == 1}, {goto: end}, {else: end}]",
            "E204 this `goto` is a line of its own, and the `if` above it has none"
            " → put it under the `if`: without the dash, indented as far",
        ),
        (
            "branch: [{goto: end}, {else: end}]",
            "E204 a line of `branch` has no `if`"
            " → write `if: condition` in front of it; if this is the last line, write `- else: end`",
        ),
        (
            "branch: [{if: 1 == 1, goto: end}, {else: , goto: end}]",
            'E103 "else" has no value'
            ' → write a value behind its colon, or indented below it; "" is an empty text, {} an empty map',
        ),
        (
            "branch: [{if: call.from == '1', return: done}, {else: end}]",
            'E202 a line of `branch` has no "return" → write `goto: {return: outcome}`',
        ),
        (
            "branch: [{if: call.from == '1', then: end}, {else: end}]",
            'E202 a line of `branch` has no "then" → write `goto`',
        ),
        (
            "branch: [{if: call.from == '1', goto: end}, {default: end}]",
            'E202 a line of `branch` has no "default" → write `- else: step`',
        ),
        (
            "branch: [{if: call.from == '1', goto: end}, {else: end, goto: end}]",
            'E202 the `else` line has no "goto" → write the step behind `else:` itself',
        ),
        (
            "branch: [end, {else: end}]",
            "E201 a line of `branch` is not a map → write a list: `- if: condition` with `goto: step` under it,"
            " at last `- else: step`",
        ),
        ("branch: [{if: [a], goto: end}, {else: end}]", "E201 `if` is a list → write a text here"),
        ("branch: [{else: {step: end}}]", 'E201 `else` is a map → write the name of a step, or "end"'),
    ],
)
def test_a_fault_in_a_branch_is_reported_once_with_its_cure(branch: str, fault: str) -> None:
    assert [fault] == faults_of(f"hello:\n  {branch}\n")
