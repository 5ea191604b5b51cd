"""Every rule has an example that breaks it alone, one that breaks none, and a cure that removes the issue."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from app.cli.explain import write_example
from app.flow.issues import Issue
from app.flow.loader import load_files
from app.flow.rules import RULES, RUNNING_RULES
from app.verify.prove import prove, roots_of
from tests.contract.check.cures import cured

TODAY = date(2026, 1, 1)
CHOICES = frozenset(
    re.findall(
        r"\w+",
        """
        E103 E111 E119 E120 E121 E122 E123 E124 E201 E230 E264 E265 E280 E286 E287 E301 E310
        E311 E313 E321 E324 E333 E407 E408 E409 E413 E512 E531 E563 W126 W215 W266 W286 W268 W302 W304 W413 W521
        W522 W631 W632 W636 W640 W641 W642 W643 W645 W646
        """,
    )
)
"""Codes whose cure leaves a choice to the author: their good example is the bad one with the cure applied."""
ELSEWHERE = frozenset(
    {
        *("E122", "E240", "E280", "E413", "E531", "E539", "E540"),
        *("W286", "W413", "W522", "W630", "W631", "W632", "W636"),
    }
)
"""Those of them whose cure changes another line than that of the issue, or another file."""


def issues_of(example: str | bytes, root: Path, env: dict[str, str] | None = None) -> tuple[Issue, ...]:
    """What is found in an example; without `env` its settings are whatever it names."""
    root.mkdir(exist_ok=True)
    write_example(example, root)
    return load_files(root / "flows", root / "templates", env, today=TODAY).issues


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_of_a_rule_breaks_it_alone(code: str, tmp_path: Path) -> None:
    issues = issues_of(RULES[code].bad, tmp_path, env={})

    assert [(code, RULES[code].severity)] == [(issue.code, issue.severity) for issue in issues]
    assert issues[0].message
    assert issues[0].cure


@pytest.mark.parametrize("code", RULES)
def test_the_good_example_of_a_rule_breaks_none(code: str, tmp_path: Path) -> None:
    assert [] == [f"{issue.code} {issue.place} {issue.message}" for issue in issues_of(RULES[code].good, tmp_path)]


def apply_cure(code: str, root: Path) -> bool:
    """Whether the issue of a bad example goes, and no error comes, when its cure is applied as it is written."""
    (issue,) = issues_of(RULES[code].bad, root, env={})
    file = root / issue.place.file
    if not file.is_file():
        return False
    place, bad = issue.place, file.read_text(encoding="utf-8", errors="replace")
    for text in dict.fromkeys(cured(bad, place.line, place.column, place.length, issue.cure)):
        file.write_text(text, encoding="utf-8")
        left = load_files(root / "flows", root / "templates", {}, today=TODAY).issues
        if not [each for each in left if each.code == code or each.is_error]:
            return True
    return False


@pytest.mark.parametrize("code", RULES)
def test_the_cure_of_a_rule_removes_the_issue(code: str, tmp_path: Path) -> None:
    assert apply_cure(code, tmp_path) == (code not in CHOICES)


@pytest.mark.parametrize("code", sorted(CHOICES))
def test_the_good_example_changes_the_line_of_the_issue(code: str, tmp_path: Path) -> None:
    (issue,) = issues_of(RULES[code].bad, tmp_path / "bad", env={})
    issues_of(RULES[code].good, tmp_path / "good")
    bad, good = (lines_of(tmp_path / kind, issue.place.file) for kind in ("bad", "good"))

    changed = [
        range(start - 1, max(start, end - 1) + 2)
        for tag, start, end, _, _ in SequenceMatcher(None, bad, good, autojunk=False).get_opcodes()
        if tag != "equal"
    ]

    assert any(issue.place.line - 1 in lines for lines in changed) == (code not in ELSEWHERE)


def lines_of(root: Path, name: str) -> list[str]:
    """The lines of a file of an example; the name of the flow is left out."""
    path = root / name
    if not path.is_file():
        path = next(iter(sorted(root.glob("flows/*.yaml"))), path)
    text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    return re.sub(r"(?m)^flow: (bad|good)$", "flow: x", text).splitlines()


@pytest.mark.parametrize("code", [*RULES, *RUNNING_RULES])
def test_the_good_example_of_a_rule_loses_no_caller(code: str, tmp_path: Path) -> None:
    rule = RULES.get(code) or RUNNING_RULES[code]
    write_example(rule.good, tmp_path)
    flows = load_files(tmp_path / "flows", tmp_path / "templates", today=TODAY).flows

    proofs = [prove(flow, datetime(2026, 1, 1, tzinfo=UTC)) for flow in roots_of(flows)]

    assert [each.message for proof in proofs for each in proof.violations if each.is_error] == []


@pytest.mark.parametrize("code", RUNNING_RULES)
@pytest.mark.parametrize("kind", ["bad", "good"])
def test_examples_of_what_only_a_call_breaks_can_be_loaded(code: str, kind: str, tmp_path: Path) -> None:
    rule = RUNNING_RULES[code]

    assert issues_of(rule.bad if kind == "bad" else rule.good, tmp_path) == ()


@pytest.mark.parametrize("code", [*RULES, *RUNNING_RULES])
def test_a_rule_says_why_it_is_there(code: str) -> None:
    rule = RULES.get(code) or RUNNING_RULES[code]

    assert len(rule.about) > 40
    assert rule.severity == ("warning" if code.startswith("W") else "error")
