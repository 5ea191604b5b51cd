"""Cases of `ncco check`: projects, each with a table of changes and their issues. tests/README.md shows the form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.command import json_of, ncco
from tests.support.tracked import ROOT

CHECKED: Final = ROOT / "tests" / "contract" / "server" / "check"

Files = dict[str, str | bytes]
Table = dict[str, Any]


def cases_of(file: Path) -> Iterator[Any]:
    """The project and the case, under the name of the case."""
    for project in yaml.load(file.read_bytes(), yaml.CSafeLoader):
        for name, case in project["cases"].items():
            for title, variant in _variants(name, case):
                replace = {"replace": [project["passage"], variant["by"]]} if "by" in variant else {}
                yield pytest.param(project, variant | replace, id=title)


def _variants(name: str, case: Any) -> Iterator[tuple[str, Table]]:
    """A case is its table of words, only its issues, or the issues of each variant: what the passage becomes."""
    if not isinstance(case, dict):
        yield name, {"by": name, "issues": case}
    elif "issues" in case:
        yield name, case
    else:
        yield from ((f"{name}: {by}", {"by": by, "issues": issues}) for by, issues in case.items())


def first_of(project: Table) -> str:
    """The file in which cases change something, unless they name another one."""
    return str(project["in"] if "in" in project else next(iter(project["files"])))


def files_of(project: Table, case: Table, *words: str) -> Files:
    """The files of a project after its own edits and those of a case: `replace`, or those under `words`, in turn."""
    files: Files = dict(_stored(project["project"]) if "project" in project else project["files"])
    changed = case.get("in", first_of(project))
    edits = [(first_of(project), project.get("replace", [])), *case.get("edits", {}).items()]
    for name, passages in [*edits, *((changed, case[word]) for word in words or ("replace",) if word in case)]:
        for old, new in zip(passages[::2], passages[1::2], strict=True):
            text = files[name]
            assert isinstance(text, str)
            assert 1 == text.count(old), f"{name} holds {old!r} {text.count(old)} times"
            files[name] = text.replace(old, new)
    return files


@cache
def _stored(name: str) -> Files:
    root = CHECKED / "projects" / name
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.glob("*/*"))}


def issues_of(project: Table, files: Files, root: Path) -> tuple[list[str], list[Table]]:
    """Run `ncco check`: the place and severity of each issue, and the whole issues."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    env = {f"FLOW_{name}": value for name, value in project.get("env", {}).items()}
    env["NCCO_PYTHON_LOOKUPS"] = project.get("modules", "")
    env["NCCO_DEFAULT"] = project.get("default", "")
    result = ncco("check", "--format", "json", "--today", "2026-01-01", cwd=root, env=env)
    report = json_of(result)
    issues: list[Table] = report["issues"]
    errors = sum(issue["severity"] == "error" for issue in issues)
    assert (errors, len(issues) - errors, int(errors > 0)) == (report["errors"], report["warnings"], result.exit_code)
    return ["{file}:{line}:{column} {severity}".format_map(issue) for issue in issues], issues


def expected(issues: str | list[str], changed: str) -> list[str]:
    """`8:5 error` is an error in line 8, column 5 of the file that the case changes."""
    listed = [issues] if isinstance(issues, str) else issues
    return [issue if issue.count(":") > 1 else f"{changed}:{issue}" for issue in listed]


def check_case(project: Table, case: Table, root: Path) -> None:
    changed = case.get("in", first_of(project))
    found, _ = issues_of(project, files_of(project, case), root)
    assert "\n".join(expected(case["issues"], changed)) == "\n".join(found)
