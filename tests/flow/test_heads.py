"""What a flow takes and gives back: params, outcomes, returns."""

from __future__ import annotations

import pytest

from app.flow.loader import load
from tests.flow.loading_flows import HEAD

STEPS = 'steps:\n  hello: {do: [{talk: "Hello."}], goto: end}\n'


def faults(head: str) -> list[str]:
    return [f"{issue.code} {issue.message}" for issue in load({"flows/test.yaml": HEAD + head + STEPS}).issues]


@pytest.mark.parametrize(
    "head",
    [
        "params: {team: text, kind: [gold, silver], tries: {type: int}}\n",
        "params: {tries: {type: int, default: 3}, kind: {type: [a, b]}}\n",
        "outcomes: [done, not-done]\n",
        "outcomes: done\n",
        "returns: {account: text, items: list, pin: {type: text, sensitive: true}}\n",
    ],
)
def test_the_head_of_a_flow_may_declare(head: str) -> None:
    assert [] == faults(head)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("params: team\n", "E201 `params` is a text"),
        ("params: {team: string}\n", 'E203 there is no type "string"'),
        ("params: {team: {type: text, defualt: a}}\n", 'E202 the variable "team" has no "defualt"'),
        ("params: {call: text}\n", 'E206 "call" is a name that every call has already'),
        ("params: {my-team: text}\n", 'E205 a param cannot be named "my-team"'),
        ("params: {team: text}\nvars: {team: {type: text}}\n", 'E206 "team" is a param of the flow already'),
        ("outcomes: {done: end}\n", "E201 `outcomes` is a map"),
        ("outcomes: [error]\n", 'E206 an outcome cannot be named "error"'),
        ('outcomes: ["all done"]\n', 'E205 an outcome cannot be named "all done"'),
        ("outcomes: [[a]]\n", "E201 an outcome is a list"),
        ("returns: [account]\n", "E201 `returns` is a list"),
        ("returns: {account: txt}\n", 'E203 there is no type "txt"'),
    ],
)
def test_a_fault_in_the_head_is_reported_once(head: str, expected: str) -> None:
    assert [expected] == faults(head)
