"""Single mistakes in whole projects, as people make them: one issue at its place; and correct files.

`applied` is an edit that follows the cure, `left` the issues that remain then. Where a `fixed` fault has a fix,
the unit tests of fixes apply it.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FOLDER = Path(__file__).parent / "faults"
FILES = sorted(FOLDER.glob("*.yaml"))


@cache
def _project(name: str) -> dict[str, Any]:
    """Its settings, files, mistakes and correct variants: each is an edit of the first file or of the file in `in`."""
    found: dict[str, Any] = yaml.load((FOLDER / f"{name}.yaml").read_bytes(), yaml.CSafeLoader)
    return found


def _cases(kind: str, file: Path) -> list[Any]:
    return [pytest.param(file.stem, case, id=title) for title, case in _project(file.stem)[kind].items()]


def _files(name: str, case: dict[str, Any], *edits: str) -> dict[str, str]:
    """The files of a project, with edits of a case one after another."""
    files = dict(_project(name)["files"])
    changed = case.get("in", next(iter(files)))
    for edit in edits:
        old, new = case[edit]
        assert 1 == files[changed].count(old)
        files[changed] = files[changed].replace(old, new)
    return files


def _issues(name: str, files: dict[str, str], root: Path) -> list[dict[str, Any]]:
    for path, text in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(text.encode())
    env = {f"FLOW_{setting}": value for setting, value in _project(name)["env"].items()}
    env["NCCO_PYTHON_LOOKUPS"] = _project(name).get("modules", "")
    result = ncco("check", "--format", "json", "--today", "2026-01-01", cwd=root, env=env)
    issues: list[dict[str, Any]] = json_of(result)["issues"]
    return issues


def _shown(issues: list[dict[str, Any]]) -> list[str]:
    return ["{file}:{line}:{column} {code} {severity}".format_map(issue) for issue in issues]


@each_case(("name", "case"), partial(_cases, "faults"), files=FILES)
def test_a_mistake_is_one_issue_at_its_place(name: str, case: dict[str, Any], tmp_path: Path) -> None:
    assert [case["issue"]] == _shown(_issues(name, _files(name, case, "replace"), tmp_path))
    if "applied" in case:
        after = _files(name, case, "replace", "applied")
        assert ([case["left"]] if "left" in case else []) == _shown(_issues(name, after, tmp_path))


@each_case(("name", "case"), partial(_cases, "right"), files=FILES)
def test_correct_files_have_no_issue(name: str, case: dict[str, Any], tmp_path: Path) -> None:
    assert [] == _issues(name, _files(name, case, "replace"), tmp_path)
