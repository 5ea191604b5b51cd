"""The commands of `ncco`: exit codes, JSON, output streams, and the files that they write."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FOLDER = Path(__file__).parent
HELP: dict[str, Any] = yaml.load((FOLDER / "help.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
CODES: dict[str, list[list[str]]] = yaml.load((FOLDER / "codes.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
PROJECTS: dict[str, dict[str, Any]] = yaml.load(
    (FOLDER / "projects.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)


def _cases(file: Path) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in yaml.load(file.read_bytes(), yaml.CSafeLoader)]


@each_case("case", _cases, files=sorted((FOLDER / "commands").glob("*.yaml")))
def test_commands_behave_as_recorded(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in _files(case):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = _written(tmp_path)
    for step in case["runs"]:
        result = ncco(*shlex.split(step["run"]), cwd=tmp_path, env=case.get("env"), stdin=step.get("stdin"))
        assert step["exit"] == result.exit_code, f"{step['run']}\n{result.output}"
        document = _report(step["issues"]) if "issues" in step else step.get("json")
        if document is not None:
            assert "" == _matches(json_of(result), document), result.stdout
        streams = {"stdout": result.stdout, "stderr": result.stderr}
        assert step.get("prints", ["stdout"]) == [name for name, text in streams.items() if text.strip()], (
            f"{step['run']}\n{streams}"
        )
    written = _written(tmp_path) - before
    expected = case["writes"] if "writes" in case else case.get("written", [])
    assert sorted(expected) == sorted(written & set(expected) if "writes" in case else written)


def _files(case: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The project of a case, `projects` in folders, and its own files, by path."""
    yield from _project(case["project"]).items() if "project" in case else ()
    for folder, name in case.get("projects", {}).items():
        yield from ((f"{folder}/{path}", text) for path, text in _project(name).items())
    yield from case.get("files", {}).items()


def _project(name: str) -> dict[str, Any]:
    found = PROJECTS[name]
    if "of" not in found:
        return found
    [(path, text)] = _project(found["of"]).items()
    assert 1 == text.count(found["old"])
    return {path: text.replace(found["old"], found["new"])}


def _report(issues: list[str]) -> dict[str, Any]:
    """The JSON with these issues: `file:2:5+3 E214` is one of three characters; in an NCCO, its path comes last."""
    found: list[dict[str, Any]] = []
    for issue in issues:
        place, code, *path = issue.split(" ")
        file, line, span = place.split(":")
        column, length = span.split("+")
        numbers: dict[str, Any] = {"line": int(line), "column": int(column), "length": int(length)}
        severity = "warning" if code.startswith(("W", "N9")) else "error"
        where = {"path": path[0].rstrip("/")} if path else {}
        found.append({"file": file, **numbers, "severity": severity, "code": code, **where, "message": "*", "fix": "*"})
    errors = sum(issue["severity"] == "error" for issue in found)
    return {"errors": errors, "warnings": len(found) - errors, "issues": found}


def _written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _matches(found: Any, expected: Any, path: str = "") -> str:
    """Where the two differ; "" if nowhere. `*` in an expected text matches any characters, alone any value."""
    if expected == "*":
        return ""
    if isinstance(expected, dict) and isinstance(found, dict):
        if found.keys() != expected.keys():
            return f"{path}: keys {sorted(found)} instead of {sorted(expected)}"
        pairs = [(found[key], expected[key], f"{path}/{key}") for key in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return f"{path}: {len(found)} entries instead of {len(expected)}"
        pairs = [
            (one, other, f"{path}/{index}") for index, (one, other) in enumerate(zip(found, expected, strict=True))
        ]
    elif isinstance(expected, str) and isinstance(found, str):
        return "" if found == expected or fnmatchcase(found, expected) else f"{path}: {found!r} is not {expected!r}"
    else:
        return "" if found == expected and type(found) is type(expected) else f"{path}: {found!r} is not {expected!r}"
    return next((fault for pair in pairs if (fault := _matches(*pair))), "")


def _options(text: str) -> list[str]:
    return sorted(set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)))


@each_case("command", HELP["commands"])
def test_help_lists_the_options(command: str, tmp_path: Path) -> None:
    shown = ncco(*command.split(), "--help", cwd=tmp_path)

    assert 0 == shown.exit_code
    assert sorted(HELP["commands"][command] or []) == _options(shown.stdout)


def test_help_lists_the_commands(tmp_path: Path) -> None:
    shown = ncco("--help", cwd=tmp_path).stdout.partition("Commands:\n")[2].partition("Examples:")[0]

    assert [name for name in HELP["commands"] if " " not in name] == re.findall(r"^  ([\w-]+)", shown, re.MULTILINE)


def test_every_code_is_explained_with_its_severity(tmp_path: Path) -> None:
    lines = ncco("explain", cwd=tmp_path).stdout.splitlines()
    found = dict(line.partition(":")[0].split() for line in lines)

    assert {code: severity for severity, groups in CODES.items() for code in chain(*groups)} == found


@each_case("kind", ["flow", "ncco", "scenario"])
def test_schema_is_a_json_schema(kind: str, tmp_path: Path) -> None:
    shown = ncco("schema", kind, cwd=tmp_path)

    assert (0, "") == (shown.exit_code, shown.stderr)
    assert json_of(shown)["$schema"].startswith("http")


def test_control_characters_of_a_setting_are_not_printed(tmp_path: Path) -> None:
    shown = ncco("check", cwd=tmp_path, env={"NCCO_FLOWS": "\x1b[31m\u202e\u009b"}).stderr

    assert "<1B>[31m<202E><9B>" in shown
    assert [] == [char for char in shown if not char.isprintable() and char != "\n"]


@each_case("setting", ["NCCO_FLOWS", "NCCO_PORT", "NCCO_DATABASE_URL", "NCCO_PUBLIC_URL"])
def test_a_setting_of_any_length_is_refused_with_a_short_message(setting: str, tmp_path: Path) -> None:
    shown = ncco("serve", cwd=tmp_path, env={"NCCO_INSECURE": "1", "NCCO_PUBLIC_URL": "http://x", setting: "9" * 5_000})

    assert 2 == shown.exit_code
    assert "  fix: " in shown.stderr
    assert len(shown.stderr) < 1_000
