"""Every rule has an example that breaks it alone, one that does not, and a cure that removes the issue."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import app.ncco
from app.ncco import RULES, check
from tests.unit.ncco.cures import apply_cure

CHOICES = {
    *("N102", "N106", "N115", "N122", "N123", "N124", "N125", "N401", "N404"),
    *("N905", "N906", "N911", "N915", "N916", "N917", "N918", "N920", "N962"),
}
"""Codes whose cure leaves a choice to the reader, so that it cannot be applied as it is written."""


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_breaks_its_rule_alone_and_the_good_one_none(code: str) -> None:
    found = check(json.loads(RULES[code].bad))

    assert {(code, RULES[code].severity)} == {(issue.code, issue.severity) for issue in found}
    assert check(json.loads(RULES[code].good)) == []


@pytest.mark.parametrize("code", RULES)
def test_the_cure_removes_the_issue(code: str) -> None:
    document = json.loads(RULES[code].bad)
    for issue in check(document):
        document = apply_cure(document, issue)
        if document is None:
            assert code in CHOICES
            return

    assert not [issue for issue in check(document) if issue.code == code or issue.is_error]
    assert code not in CHOICES


def test_the_checker_reports_these_codes_and_no_others() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(app.ncco.__file__).parent.glob("*.py")]

    assert set(RULES) == {code for source in sources for code in re.findall(r'"(N\d{3})"', source)}
