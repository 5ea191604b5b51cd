"""docs/errors.md lists every code in the tables of rules."""

from __future__ import annotations

import re

from tests.system.docs.errors_page import PAGE, page, rules


def test_the_page_has_the_current_rules() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_rule_is_on_the_page() -> None:
    anchored = re.findall(r'^<a id="([A-Z]\d{3})"></a>\*\*\1\*\* ', page(), re.M)
    assert sorted(rule.code for rule in rules()) == sorted(anchored)
