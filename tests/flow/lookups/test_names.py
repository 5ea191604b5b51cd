from __future__ import annotations

import pytest

from app.flow.loader import load

STEPS = "steps:\n  hello:\n    do: [{talk: Hello.}]\n    goto: end\n"


def faults_of(lookups: str) -> list[str]:
    head = "flow: test\ndefault: true\nstart: hello\nvars: {item: {type: text}}\n"
    issues = load({"flows/test.yaml": f"{head}lookups: {lookups}\n{STEPS}"}).issues
    return [f"{issue.code} {issue.message} → {issue.cure}" for issue in issues if not issue.code.startswith("W6")]


@pytest.mark.parametrize(
    ("lookups", "fault"),
    [
        ("a", 'E201 `lookups` is a text → write `lookups: {customer: {get: "https://..", returns: {name: text}}}`'),
        (
            "{a: https://crm.example.com}",
            'E201 the look-up "a" is a text → write `a: {get: "https://..", returns: {name: text}}`',
        ),
        (
            '{call: {get: "https://crm.example.com", returns: {a: text}}}',
            'E206 "call" is a name that every call has already → choose another name',
        ),
        (
            '{a-b: {get: "https://crm.example.com", returns: {a: text}}}',
            'E205 a look-up cannot be named "a-b" → use letters, digits and _, e.g. a_b',
        ),
        (
            '{item: {get: "https://crm.example.com", returns: {a: text}}}',
            'E539 a variable has the name of the look-up "item" too → give one of them another name',
        ),
    ],
)
def test_a_look_up_has_a_name_of_its_own(lookups: str, fault: str) -> None:
    assert [fault] == faults_of(lookups)


def test_one_that_has_the_name_of_a_variable_is_read_as_either() -> None:
    flow = """
flow: test
default: true
start: hello
vars: {item: {type: text}}
lookups: {item: {get: "https://crm.example.com", returns: {left: int}}}
steps:
  hello:
    lookup: item
    do: [{talk: "{{ item.left }} left. {{ item | upper }}"}]
    goto: end
"""

    assert ["E539"] == [issue.code for issue in load({"flows/test.yaml": flow}).issues]


def test_a_look_up_is_given_what_another_has_found() -> None:
    both = """{
      customer: {get: "https://crm.example.com", returns: {id: text}},
      orders: {get: "https://crm.example.com/{{ customer.id }}", returns: {n: int}}}"""

    assert [
        'E303 a look-up does not see "customer", which is another one → add `params: {value: text}`, and let the step '
        'give it: `- name: {value: "{{ customer.field }}"}`'
    ] == faults_of(both)
