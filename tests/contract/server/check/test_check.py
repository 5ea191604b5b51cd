"""`ncco check` of small projects: the place and severity of every issue, from the data files in this folder."""

from __future__ import annotations

from pathlib import Path

from tests.support.cases import each_case
from tests.support.checked_projects import CHECKED, Table, cases_of, check_case


@each_case(("project", "case"), cases_of, files=sorted(CHECKED.glob("*.yaml")))
def test_check_reports_exactly_these_issues(project: Table, case: Table, tmp_path: Path) -> None:
    check_case(project, case, tmp_path)
