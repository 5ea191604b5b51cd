"""`ncco check` of small projects: the code, place and severity of every issue, from the data files in this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FOLDER = Path(__file__).parent


def _cases(file: Path) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in yaml.load(file.read_bytes(), yaml.CSafeLoader)]


def _files(case: dict[str, Any]) -> dict[str, str | bytes]:
    """Path → text: the files of the case itself, or a project of `projects/` with one passage replaced."""
    if "project" not in case:
        return dict(case["files"])
    root = FOLDER / "projects" / case["project"]
    files: dict[str, str | bytes] = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.glob("*/*")
    }
    if "replace" in case:
        name, old, new = case["replace"]
        text = files[name]
        assert isinstance(text, str)
        assert 1 == text.count(old), f"{name} holds {old!r} {text.count(old)} times"
        files[name] = text.replace(old, new)
    return files


@each_case("case", _cases, files=sorted(FOLDER.glob("*.yaml")))
def test_check_reports_exactly_these_issues(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in _files(case).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    env = {f"FLOW_{name}": value for name, value in case.get("env", {}).items()}
    env["NCCO_PYTHON_LOOKUPS"] = case.get("modules", "")
    result = ncco("check", "--format", "json", "--today", "2026-01-01", cwd=tmp_path, env=env)
    report = json_of(result)
    found = ["{file}:{line}:{column} {code} {severity}".format_map(issue) for issue in report["issues"]]

    assert "\n".join(case["issues"]) == "\n".join(found)
    assert not case.get("cure") or case["cure"] == report["issues"][0]["fix"]
    errors = sum(issue["severity"] == "error" for issue in report["issues"])
    assert (errors, len(found) - errors, int(errors > 0)) == (report["errors"], report["warnings"], result.exit_code)
