"""Mistakes in whole projects, as people make them: one issue each, at its place; and correct files."""

from __future__ import annotations

from pathlib import Path

from tests.support.cases import each_case
from tests.support.checked_projects import CHECKED, Table, cases_of, check_case


@each_case(("project", "case"), cases_of, files=sorted((CHECKED / "faults").glob("*.yaml")))
def test_a_mistake_is_one_issue_at_its_place(project: Table, case: Table, tmp_path: Path) -> None:
    check_case(project, case, tmp_path)
