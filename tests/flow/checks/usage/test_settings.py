"""Settings of the server that a variable brings to a caller."""

from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import faults, flow_text

HEAD = "vars: {k: {type: text}, other: {type: text}, is_set: {type: bool}, n: {type: number}}\n"
SUB = "params: {word: text}\noutcomes: [done]\nreturns: {found: text}\nvars: {found: {type: text}}\n"


def spoken(steps: str, head: str = HEAD, **others: str) -> list[str]:
    return [fault.split(" ", 1)[1] for fault in faults(steps, head, **others) if " E330 " in fault]


def says(text: str, sets: str) -> str:
    return f"hello:\n  set: {sets}\n  do:\n    - talk: '{text}'\n  goto: end"


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("Say {{ k }}", '{k: "{{ env.KEY }}"}'),
        ("Say {{ k | upper }}", '{k: "{{ env.KEY }}"}'),
        ("Say {{ other }}", '{k: "{{ env.KEY }}", other: "a {{ k }}"}'),
        ("Say {{ n + 1 }}", '{n: "{{ env.KEY | number }}"}'),
        ('Say {{ "x" if k == "" else k }}', '{k: "{{ env.KEY }}"}'),
    ],
)
def test_a_variable_that_holds_a_setting_is_not_spoken(text: str, sets: str) -> None:
    (fault,) = spoken(says(text, sets))

    assert fault.endswith("holds env.KEY, a setting of the server, and would be spoken")


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("Say {{ other }}", '{k: "{{ env.KEY }}"}'),
        ('Say {{ "k" }}', '{k: "{{ env.KEY }}"}'),
        ('{% if k == "a" %}A{% else %}B{% endif %}', '{k: "{{ env.KEY }}"}'),
        ("It is {{ is_set }}", """{is_set: '{{ env.KEY == "a" }}'}"""),
        ("Say k", '{k: "{{ env.KEY }}"}'),
    ],
)
def test_what_only_depends_on_a_setting_may_be_spoken(text: str, sets: str) -> None:
    assert [] == spoken(says(text, sets))


def test_a_setting_that_is_dialled_is_fine() -> None:
    steps = """hello:
  set: {k: "{{ env.DESK }}"}
  do:
    - connect: "{{ k }}"
  on: {completed: end, otherwise: end}
"""

    assert [] == spoken(steps)


def test_a_variable_that_is_set_on_the_way_is_followed() -> None:
    steps = """hello:
  do:
    - talk: Press 1.
  choices: {one: {dtmf: 1, set: {k: "{{ env.KEY }}"}, goto: last}}
  retry: {then: last}
last:
  do:
    - talk: "{{ k }}"
  goto: end
"""

    assert 1 == len(spoken(steps))


def test_what_a_flow_is_given_and_gives_back_is_followed() -> None:
    steps = """hello:
  set: {k: "{{ env.KEY }}"}
  run: sub
  with: {word: "{{ k }}"}
  on: {done: last}
last:
  do:
    - talk: "{{ found }}"
  goto: end
"""
    sub = """hello:
  set: {found: "{{ word }}"}
  do:
    - talk: "{{ word }}"
  goto: {return: done, set: {found: "{{ found }}"}}
"""
    head = "vars: {k: {type: text}, found: {type: text}}\n"
    found = faults(steps, head, sub=flow_text(sub, SUB, name="sub"))

    assert ["sub", "test"] == [
        "sub" if fault.startswith("flows/sub") else "test" for fault in found if " E330 " in fault
    ]
