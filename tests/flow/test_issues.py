"""Every rule of the flow language has a bad example that breaks it alone, and a good one that breaks none."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.explain import FLOW_EXAMPLES, about_of, example, write_example
from app.flow.issues import Issue
from app.flow.loader import load_files
from app.flow.rules import RULES
from app.flow.rules.running import RUNNING_RULES


def issues_of(code: str, kind: str, root: Path) -> tuple[Issue, ...]:
    """What is found in an example of a rule; a good one may read variables of the environment."""
    data = example(code, "bad" if kind == "bad" else "good")
    assert data is not None, f"{code} has no {kind} example: write app/flow/examples/{code}.{kind}.yaml"
    write_example(data, root)
    return load_files(root / "flows", root / "templates", {} if kind == "bad" else None).issues


@pytest.mark.parametrize("code", sorted(RULES))
def test_the_bad_example_of_a_rule_breaks_it_alone(code: str, tmp_path: Path) -> None:
    issues = issues_of(code, "bad", tmp_path)

    assert [code] == [issue.code for issue in issues]
    assert RULES[code].severity == issues[0].severity
    assert issues[0].message
    assert issues[0].cure


@pytest.mark.parametrize("code", sorted(RULES))
def test_the_good_example_of_a_rule_breaks_none(code: str, tmp_path: Path) -> None:
    assert [] == [f"{issue.code} {issue.place} {issue.message}" for issue in issues_of(code, "good", tmp_path)]


@pytest.mark.parametrize("code", sorted({**RULES, **RUNNING_RULES}))
def test_the_good_example_of_a_rule_says_why_the_rule_is_there(code: str) -> None:
    assert 40 < len(about_of(example(code, "good") or b"")), (
        f"app/flow/examples/{code}.good.yaml begins with no comment"
    )


@pytest.mark.parametrize("code", sorted(RUNNING_RULES))
@pytest.mark.parametrize("kind", ["bad", "good"])
def test_examples_of_what_only_a_call_breaks_can_be_loaded(code: str, kind: str, tmp_path: Path) -> None:
    assert [] == [f"{issue.code} {issue.message}" for issue in issues_of(code, kind, tmp_path)]


def test_every_example_belongs_to_a_rule() -> None:
    due = {f"{code}.{kind}.yaml" for code in (*RULES, *RUNNING_RULES) for kind in ("bad", "good")}

    assert set() == {path.name for path in FLOW_EXAMPLES.iterdir()} - due


@pytest.mark.parametrize("code", sorted(RULES))
def test_code_and_severity_of_a_rule_agree(code: str) -> None:
    rule = RULES[code]

    assert code == rule.code
    assert {"E": "error", "W": "warning"}[code[0]] == rule.severity
    assert rule.title
    assert rule.cure
