"""Every rule has a good and a bad sample, and a place in the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import app.ncco
from app.ncco import RULES, check

SAMPLES = Path(app.ncco.__file__).parent / "examples"


def sample(code: str, kind: str) -> Any:
    return json.loads((SAMPLES / f"{code}.{kind}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", RULES)
def test_the_bad_sample_breaks_its_rule_and_no_other(code: str) -> None:
    found = check(sample(code, "bad"))

    assert {code} == {issue.code for issue in found}
    assert {RULES[code].severity} == {issue.severity for issue in found}


@pytest.mark.parametrize("code", RULES)
def test_the_good_sample_breaks_no_rule(code: str) -> None:
    assert check(sample(code, "good")) == []


def test_every_sample_belongs_to_a_rule() -> None:
    expected = {f"{code}.{kind}.json" for code in RULES for kind in ("good", "bad")}

    assert expected == {path.name for path in SAMPLES.iterdir()}


@pytest.mark.parametrize("code", RULES)
def test_a_rule_says_what_how_to_mend_it_and_where_it_is_written(code: str) -> None:
    rule = RULES[code]

    assert code == rule.code
    assert ("warning" if code.startswith("N9") else "error") == rule.severity
    assert rule.title.endswith(".")
    assert rule.cure.endswith(".")
    assert rule.source
