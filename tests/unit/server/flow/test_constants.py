"""Entries of a list or map are text, and are checked as text if nothing changes the variable."""

from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.loading_flows import codes_of

HEAD = """
vars:
  prices: {type: map, default: {"1": 8.5, "2": 9}}
  sizes: {type: list, default: [1, 2, 3]}
  table: {type: list, default: [[1, 2], [3, 4]]}
  mixed: {type: list, default: [1, [2]]}
  key: {type: text, default: "1"}
  total: {type: number, default: 1}
"""
NAMED = '{{ prices["1"] }} {{ sizes[0] }} {{ table[0][0] }} {{ mixed[0] }} {{ key }} {{ total }}'


def steps_of(talk: str, more: str = "") -> str:
    return f"""
hello:
  do:
    - talk: '{NAMED}'
    - talk: '{talk}'
  {more or "goto: end"}
"""


@each_case(
    "talk",
    [
        "{{ total + (prices[key] | number) }}",
        "{{ 1 if key in sizes else 2 }}",
        "{{ prices.nothing | default(key) }}",
        "{% for size in sizes %}{{ size }}{% endfor %}{{ sizes | list }}{{ sizes | first }}",
        "{{ mixed[0] + 1 }}",
    ],
)
def test_operations_on_text_are_valid(talk: str) -> None:
    assert [] == codes_of(steps_of(talk), HEAD)


@each_case(
    "more",
    [
        'goto: {goto: end, set: {prices: {"1": "{{ key }}"}}}',
        'choices: {a: {dtmf: 1, set: {prices: {"1": "{{ key }}"}}, goto: end}}\n  retry: {then: end}',
        "set: {prices: '{{ prices }}'}\n  goto: end",
    ],
)
def test_the_entries_of_a_variable_that_is_set_elsewhere_are_unknown(more: str) -> None:
    assert [] == codes_of(steps_of("Press 1. {{ total + prices[key] }}", more), HEAD)


def test_the_entries_of_a_param_are_unknown() -> None:
    head = HEAD + 'params: {given: {type: list, default: ["1"]}}\n'

    assert [] == codes_of(steps_of("{{ given[0] + 1 }}"), head)
