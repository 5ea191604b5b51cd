"""Prompts and menus that agree, and those that do not, in six languages."""

from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.prompts.menu_files import Case, cases, flow_of, marked

FAULTS = cases("faults.yaml")
RIGHT = cases("right.yaml")


@each_case("case", FAULTS, ids=lambda case: case["say"])
def test_the_error_of_a_menu_is_found_at_its_words(case: Case) -> None:
    code, _, words = case["expected"].partition(" ")

    found = marked(flow_of(case))

    assert {code} == {issue.partition(" ")[0] for issue in found}
    assert any(issue.startswith(f"{code} {words}") for issue in found)


@each_case("case", RIGHT, ids=lambda case: case["say"])
def test_a_correct_menu_has_no_issue(case: Case) -> None:
    assert [] == marked(flow_of(case))
