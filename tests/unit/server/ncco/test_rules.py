"""Every rule has an example that breaks only this rule, one that does not, and a cure that removes the issue."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

import ncco_server.ncco
import ncco_server.ncco.value_types
from ncco_server.ncco import RULES, check
from tests.support.cases import each_case

APPLIED: dict[str, list[str]] = yaml.load(Path(__file__).with_name("applied_cures.yaml").read_bytes(), yaml.CSafeLoader)
"""By code: the edits that an author makes who follows a cure that leaves a choice."""


@each_case("code", RULES)
def test_the_bad_example_breaks_only_its_rule_and_the_good_one_none(code: str) -> None:
    found = check(json.loads(RULES[code].bad))

    assert {(code, RULES[code].severity)} == {(issue.code, issue.severity) for issue in found}
    assert [] == check(json.loads(RULES[code].good))


def edited(text: str, edits: list[str]) -> str:
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    return text


@each_case("code", RULES)
def test_the_cure_removes_the_issue(code: str) -> None:
    text = edited(RULES[code].bad, APPLIED[code])

    assert [] == [issue for issue in check(json.loads(text)) if issue.code == code or issue.is_error]


def test_the_fix_has_its_old_name_too() -> None:
    (issue,) = check({})

    assert RULES[issue.code].fix == issue.fix


def test_a_tuple_is_not_an_array() -> None:
    assert ["Send a list: list(document)."] == [issue.fix for issue in check(({"action": "wait"},))]


def test_the_checker_reports_these_codes_and_no_others() -> None:
    packages = (ncco_server.ncco, ncco_server.ncco.value_types)
    files = (path for package in packages for path in Path(package.__path__[0]).glob("*.py"))
    sources = [path.read_text(encoding="utf-8") for path in files]

    assert set(RULES) == {code for source in sources for code in re.findall(r'"(N\d{3})"', source)}
