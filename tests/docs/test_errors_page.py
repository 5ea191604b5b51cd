"""docs/errors.md lists every code, as the tables of rules have it."""

from __future__ import annotations

import re

from app.cli.jobs.validate import RULES as JSON_RULES
from app.flow.rules import RULES as FLOW_RULES
from app.flow.rules.running import RUNNING_RULES
from app.ncco import RULES as NCCO_RULES
from tests.docs.errors_page import PAGE, page


def test_the_page_is_as_new_as_the_rules() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_rule_has_its_row() -> None:
    rows = re.findall(r"^\| ([A-Z]\d{3}) \|", page(), re.M)

    assert sorted([*FLOW_RULES, *RUNNING_RULES, *JSON_RULES, *NCCO_RULES]) == sorted(rows)
