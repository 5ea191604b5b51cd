"""The sample flows and the examples have no issues, and their scenarios pass."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

ROOT = Path(__file__).resolve().parents[4]
PROJECTS = [ROOT, *sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))]


def handlers_of(project: Path) -> dict[str, str]:
    """The setting that lists the files of a project with calls in Python."""
    return {"NCCO_PYTHON_FLOWS": ",".join(path.name for path in (project / "flows").glob("*.py"))}


@each_case("project", PROJECTS, ids=lambda path: path.name if path != ROOT else "samples")
def test_an_example_has_no_issue(project: Path, tmp_path: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (project / "flows").glob("*.*")]
    names = {name for text in texts for name in re.findall(r'env(?:\.|\[")([A-Z_]+)', text)}
    env = {f"FLOW_{name}": "https://example.com" for name in names} | {"FLOW_BOT_URL": "wss://example.com"}
    env |= handlers_of(project)
    result = ncco("check", project, "--format", "json", "--today", "2026-01-01", cwd=tmp_path, env=env)

    assert 0 == result.exit_code
    assert [] == json_of(result)["issues"]


@each_case("project", PROJECTS, ids=lambda path: path.name if path != ROOT else "samples")
def test_the_scenarios_of_an_example_pass_and_cover_every_outcome(project: Path, tmp_path: Path) -> None:
    result = ncco("test", project, "--min", "100", "--format", "json", cwd=tmp_path, env=handlers_of(project))

    assert 0 == result.exit_code, result.output
    assert json_of(result)["played"] > 0
