"""Single faults in whole projects, as people make them: one issue at its place, whose cure helps; and what is right."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.check.cures import cured
from tests.contract.command import ncco

FOLDER = Path(__file__).parent / "faults"


@cache
def _project(name: str) -> dict[str, Any]:
    """Its settings, its files, the faults and what is right: each an edit of the first file or of the one `in` it."""
    found: dict[str, Any] = yaml.load((FOLDER / f"{name}.yaml").read_bytes(), yaml.CSafeLoader)
    return found


def _cases(kind: str) -> list[Any]:
    names = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    return [
        pytest.param(name, case, id=f"{name}: {title}")
        for name in names
        for title, case in _project(name)[kind].items()
    ]


def _issues(name: str, case: dict[str, Any], root: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The issues of a project with the edit, and its files."""
    project = _project(name)
    changed = case.get("in", next(iter(project["files"])))
    old, new = case["replace"]
    assert project["files"][changed].count(old) == 1
    files = {**project["files"], changed: project["files"][changed].replace(old, new)}
    for path, text in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(text.encode())
    env = {f"FLOW_{setting}": value for setting, value in project["env"].items()}
    result = ncco("check", "--format", "json", "--today", "2026-01-01", cwd=root, env=env)
    return json.loads(result.stdout)["issues"], files


@pytest.mark.parametrize(("name", "case"), _cases("faults"))
def test_a_fault_is_one_issue_at_its_place(name: str, case: dict[str, Any], tmp_path: Path) -> None:
    issues, files = _issues(name, case, tmp_path)

    assert ["{file}:{line}:{column} {code} {severity}".format_map(issue) for issue in issues] == [case["issue"]]
    if "cured" in case:
        (issue,) = issues
        text = files[issue["file"]]
        ways = cured(text, issue["line"], issue["column"], issue["length"], issue["cure"])
        assert _project(name)["files"][issue["file"]] in ways, issue["cure"]


@pytest.mark.parametrize(("name", "case"), _cases("right"))
def test_what_is_right_has_no_issue(name: str, case: dict[str, Any], tmp_path: Path) -> None:
    assert _issues(name, case, tmp_path)[0] == []
