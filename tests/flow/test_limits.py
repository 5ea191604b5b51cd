"""`limits`: what a flow promises, and what is no promise."""

from __future__ import annotations

import pytest

from app.flow.loader import load

HEAD = "flow: test\ndefault: true\nstart: a\n"
STEPS = "steps:\n  a:\n    do:\n      - talk: Hello.\n    goto: end\n"


def found(limits: str) -> list[str]:
    return [f"{issue.code} {issue.cure}" for issue in load({"flows/a.yaml": f"{HEAD}limits: {limits}\n{STEPS}"}).issues]


def test_a_flow_knows_its_limits_and_where_they_stand() -> None:
    text = f"{HEAD}limits: {{seconds_to_person: 60, menu_options: 5}}\n{STEPS}"

    limits = load({"flows/a.yaml": text}).flows["test"].limits

    assert {"seconds_to_person": 60, "menu_options": 5} == {name: limit.most for name, limit in limits.items()}
    assert ("flows/a.yaml", 4, 10) == limits["seconds_to_person"].place[:3]


def test_a_flow_without_limits_has_none() -> None:
    assert {} == load({"flows/a.yaml": HEAD + STEPS}).flows["test"].limits


@pytest.mark.parametrize(
    ("limits", "issue"),
    [
        ("{menu_options: many}", "E291 write a whole number from 1 to 100"),
        ("{menu_options: 0}", "E291 write a whole number from 1 to 100"),
        ("{steps: 1001}", "E291 write a whole number from 1 to 1,000"),
        ("{steps: [1]}", "E201 write a text here"),
        ("{choices: 5}", "E290 write `menu_options`"),
        ("{stepps: 5}", 'E290 did you mean "steps"?'),
        ("5", "E201 write `limits: {seconds_to_person: 60}`"),
    ],
)
def test_what_is_no_limit_is_told(limits: str, issue: str) -> None:
    assert [issue] == found(limits)
