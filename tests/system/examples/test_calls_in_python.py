"""The examples of calls in Python: the scenarios of each."""

from __future__ import annotations

from pathlib import Path

from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.tracked import ROOT

PROJECTS = sorted({path.parent.parent for path in ROOT.glob("examples/*/flows/*.py")})


@each_case("project", PROJECTS, ids=lambda path: path.name)
def test_the_scenarios_of_an_example_hold(project: Path) -> None:
    handlers = ",".join(path.name for path in project.glob("flows/*.py"))
    found = ncco("test", cwd=project, env={"NCCO_PYTHON_FLOWS": handlers})
    assert 0 == found.exit_code, found.output
