"""Scenario files: their issues, which calls pass, and where the others differ. The cases are data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FOLDER: Final = Path(__file__).parent
ON: Final = "menu"
"""The project of a faulty file that names none."""
AROUND: Final = {
    "step": "a call:\n  script:\n    - LINE\n    - end\n",
    "before": "a call:\n  LINE\n  script: [end]\n",
    "after": "a call:\n  script: [end]\n  LINE\n",
}
"""The file of a faulty line."""


def _load(name: str) -> Any:
    return yaml.load((FOLDER / f"{name}.yaml").read_bytes(), yaml.CSafeLoader)


def _cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each case with its project, under the name of its file."""
    for kind in ("scripts", "expectations", "placed"):
        for project, cases in _load(kind).items():
            for number, case in enumerate(cases, 1):
                yield f"{kind}-{project}-{number}", {"on": project} | ({"script": case} if type(case) is str else case)
    yield from ((f"faulty-{number}", case) for number, case in enumerate(_faulty(_load("faulty")), 1))


def _faulty(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    given = [
        {"on": project, "file": AROUND[place].replace("LINE", line), "issues": issues}
        for project, places in found.items()
        if project != "files"
        for place, lines in places.items()
        for line, issues in lines.items()
    ]
    for case in (*given, *found["files"]):
        yield {"on": ON} | case | {"issues": [case["issues"]] if type(case["issues"]) is str else case["issues"]}


PROJECTS: Final[Mapping[str, Mapping[str, str]]] = _load("projects")
CASES: Final = dict(_cases())
PLAYED: Final = [name for name, case in CASES.items() if "issues" not in case]
FAULTY: Final = [name for name, case in CASES.items() if "issues" in case]


def _lines(case: Mapping[str, Any]) -> Iterator[str]:
    """The scenario of a case; its script comes last."""
    yield "a call:"
    if "head" in case:
        yield from f"  {case['head']}".splitlines()
    if "expect" in case:
        yield f"  expect: {case['expect']}"
    yield "  script:"
    yield from (f"    - {step}" for step in _steps(case["script"]))


def _steps(script: str) -> list[str]:
    """As they are written in the list."""
    steps = yaml.compose(script, yaml.CSafeLoader)
    assert isinstance(steps, yaml.SequenceNode)
    return [script[step.start_mark.index : step.end_mark.index] for step in steps.value]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of `ncco test --format json` for all cases of each project, played at once."""
    found = {}
    for project, files in PROJECTS.items():
        home = tmp_path_factory.mktemp(project)
        cases = {name: case for name, case in CASES.items() if case["on"] == project}
        texts = {name: case.get("file") or "\n".join(_lines(case)) + "\n" for name, case in cases.items()}
        for path, text in {**files, **{f"tests/scenarios/{name}.yaml": text for name, text in texts.items()}}.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_text(text, encoding="utf-8")
        found[project] = json_of(ncco("test", "--format", "json", cwd=home))
    return found


def _of(reports: Mapping[str, Any], name: str, kind: str) -> list[Any]:
    file = f"tests/scenarios/{name}.yaml"
    return [each for each in reports[CASES[name]["on"]][kind] if each["file"] == file]


@each_case("name", PLAYED)
def test_a_scenario_passes_or_differs_at_its_line(reports: Mapping[str, Any], name: str) -> None:
    case = CASES[name]
    (found,) = _of(reports, name, "scenarios")
    lines = list(_lines(case))
    expected = []
    if "differs" in case:
        expected = [len(lines) - len(_steps(case["script"])) + case["differs"] if case["differs"] else 1]
    elif not case.get("holds", True):
        expected = [next(at for at, line in enumerate(lines, 1) if line.startswith("  expect: "))]

    assert expected == [each["line"] for each in found.get("differences", ())][:1]
    assert found["holds"] is not bool(expected), found


@each_case("name", FAULTY)
def test_an_error_in_a_file_is_reported_at_its_place_with_a_fix(reports: Mapping[str, Any], name: str) -> None:
    issues = _of(reports, name, "issues")
    found = [f"{issue['line']}:{issue['column']} {issue['code']}" for issue in issues]
    expected = CASES[name]["issues"]
    if expected == ["*"]:
        found, expected = [each[-4:] for each in found], ["S107"]

    assert expected == found
    assert [] == [issue for issue in issues if not issue["fix"] or issue["fix"].startswith("it belongs")]


def test_the_fix_of_an_unclear_call_can_be_copied(tmp_path: Path) -> None:
    flow = "flow: {}\nentry: true\nstart: a\nsteps: {{a: {{do: [talk: Hello.], goto: end}}}}\n"
    (tmp_path / "flows").mkdir()
    for name in ("shop", "vet"):
        (tmp_path / "flows" / f"{name}.yaml").write_text(flow.format(name))
    scenarios = tmp_path / "tests" / "scenarios" / "calls.yaml"
    scenarios.parent.mkdir(parents=True)
    scenarios.write_text("a call:\n  script: [end]\n")
    (issue,) = json_of(ncco("test", "--format", "json", cwd=tmp_path))["issues"]
    scenarios.write_text("defaults:\n  flow: shop\na call:\n  script: [end]\n")

    assert issue["fix"].endswith(": `flow: shop` or `flow: vet`")
    assert [] == json_of(ncco("test", "--format", "json", cwd=tmp_path))["issues"]


def test_the_schema_accepts_playable_files_and_refuses_misspelt_keys(tmp_path: Path) -> None:
    schema = jsonschema.Draft7Validator(json_of(ncco("schema", "scenario", cwd=tmp_path)))
    loader = yaml.CBaseLoader  # an editor reads dates as text
    sound = ["\n".join(_lines(CASES[name])) for name in PLAYED]
    unknown = [CASES[name] for name in FAULTY if any(issue.endswith("S102") for issue in CASES[name]["issues"])]
    faulty = [case["file"] for case in unknown if "in_schema" not in case]

    assert [] == [text for text in sound if not schema.is_valid(yaml.load(text, loader))]  # noqa: S506 - texts only
    assert [] == [text for text in faulty if schema.is_valid(yaml.load(text, loader))]  # noqa: S506 - texts only
