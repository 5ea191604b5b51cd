"""A cycle that a counter ends is not an error."""

from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case

ROUND = """
flow: main
default: true
start: ask
vars: {{n: {{type: int}}, m: {{type: int}}, word: {{type: text}}}}
steps:
  ask:
    do:
      - talk: "One moment."
      - connect: "447700900111"
    on: {{completed: end, otherwise: count}}
  count:
    set: {{{sets}}}
    branch:
      - if: {test}
        goto: {out}
      - else: ask
  bye:
    do: [{{talk: "Nobody is there. Goodbye."}}]
    goto: end
"""


def codes(sets: str = 'n: "{{ n + 1 }}"', test: str = "n >= 3", out: str = "bye") -> list[str]:
    text = ROUND.format(sets=sets, test=test, out=out)
    return [issue.code for issue in load({"flows/main.yaml": text}).issues if issue.is_error]


@each_case(
    ("sets", "test"),
    [
        ('n: "{{ n + 1 }}"', "n >= 3"),
        ('n: "{{ n + 2 }}"', "3 < n"),
        ('n: "{{ n - 1 }}"', "n < -3"),
        ('n: "{{ n + 1 }}"', 'n == 3 or word == "x"'),
        ('n: "{{ n + 1 }}", m: 0', "n > 3"),
        ('n: "{{ 1 + n }}"', "n > 3"),
        ('n: "{{ n + 1 }}"', "n != 3"),
        ('n: "{{ n + 1 }}"', "n in [3, 4]"),
    ],
)
def test_a_counter_tested_by_a_branch_ends_the_cycle(sets: str, test: str) -> None:
    assert [] == codes(sets, test)


@each_case(
    ("sets", "test", "out"),
    [
        ('n: "{{ n + 1 }}"', "m > 3", "bye"),
        ('n: "{{ n + m }}"', "n > 3", "bye"),
        ('n: "{{ m + 1 }}"', "n > 3", "bye"),
        ('n: "{{ 1 + n }}"', "m > 3", "bye"),
        ('n: "{{ n }}"', "n > 3", "bye"),
        ('n: "{{ n + 1 }}"', "n > 3", "ask"),
        ("n: 1", "n > 3", "bye"),
        ('word: "{{ word }}x{{ word }}"', 'word == "xxx"', "bye"),
        ('n: "{{ n + 0 }}"', "n > 3", "bye"),
    ],
)
def test_a_variable_that_does_not_count_up_to_an_exit_does_not_end_the_cycle(sets: str, test: str, out: str) -> None:
    assert ["E216"] == codes(sets, test, out)


def test_a_counter_reset_within_the_cycle_does_not_end_it() -> None:
    text = ROUND.format(sets='n: "{{ n + 1 }}"', test="n >= 3", out="bye")
    reset = text.replace("otherwise: count", "otherwise: {set: {n: 0}, goto: count}")

    assert ["E216"] == [issue.code for issue in load({"flows/main.yaml": reset}).issues if issue.is_error]
