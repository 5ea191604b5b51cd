from __future__ import annotations

from typing import Any

import pytest

from app.flow.rules import RULES, Rule
from app.flow.rules.expressions import EXPRESSION_RULES, RENDER_RULES
from app.flow.templates import Escape
from app.flow.types import TYPES
from tests.unit.flow.templates.cases import NAMES, names, refusal, value

BROKEN: dict[str, tuple[str, Escape, str, dict[str, Any]]] = {
    "E391": ("Hello {{ call.custom_data.nobody }}", "talk", "text", NAMES),
    "E392": ("https://{{ env.TEAM }}", "url", "url", names(env={"TEAM": ""})),
    "E393": ("{{ ticket }}", "number", "text", names(ticket="call me")),
    "E394": ("{{ ticket }}", "talk", "text", names(ticket="x" * 10_001)),
    "E395": ("{{ call.custom_data.name - 1 }}", "talk", "text", NAMES),
}
"""A value, its place and type, and a call in which it breaks the rule."""


@pytest.mark.parametrize("rule", RENDER_RULES, ids=lambda rule: rule.code)
def test_every_rule_of_a_running_call_can_be_broken(rule: Rule) -> None:
    source, escape, type_name, known = BROKEN[rule.code]

    assert rule.code == refusal(value(source, escape, TYPES[type_name]), known)[:4]
    assert rule.title
    assert rule.cure


def test_codes_are_given_once_and_rules_of_calls_are_no_rules_of_files() -> None:
    codes = [rule.code for rule in (*EXPRESSION_RULES, *RENDER_RULES)]

    assert sorted(set(codes)) == sorted(codes)
    assert {rule.code for rule in EXPRESSION_RULES} <= set(RULES)
    assert not {rule.code for rule in RENDER_RULES} & set(RULES)
