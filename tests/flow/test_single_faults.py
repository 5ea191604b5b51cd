"""A right project with one fault at a time: each is reported once, where it is, with a cure that removes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.flow.issues import Issue
from app.flow.loader import load

FOLDER = Path(__file__).parent / "single_faults"
RIGHT = {f"flows/{path.name}": path.read_text() for path in sorted(FOLDER.glob("*.yaml")) if path.stem != "faults"}
FAULTS: list[dict[str, str]] = yaml.safe_load((FOLDER / "faults.yaml").read_text())
ENV = {"CRM_URL": "https://crm.example.com", "PIN": "1234"}
_MEANT = re.compile(r'did you mean "(.+)"\?')


def marked(texts: dict[str, str], issue: Issue) -> str:
    line = texts[issue.place.file].splitlines()[issue.place.line - 1]
    return line[issue.place.column - 1 :][: issue.place.length]


def cured(texts: dict[str, str], issue: Issue, meant: str) -> dict[str, str]:
    """The texts with the word that the cure names in the place of the marked one."""
    lines = texts[issue.place.file].splitlines(keepends=True)
    line, start = lines[issue.place.line - 1], issue.place.column - 1
    quote = line[start] if line[start] in "\"'" else ""
    lines[issue.place.line - 1] = f"{line[:start]}{quote}{meant}{quote}{line[start + issue.place.length :]}"
    return {**texts, issue.place.file: "".join(lines)}


def test_the_project_without_a_fault_is_right() -> None:
    assert () == load(RIGHT, ENV).issues


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["what"])
def test_a_single_fault_is_reported_once_at_its_place(fault: dict[str, Any]) -> None:
    path = f"flows/{fault['file']}.yaml"
    assert 1 == RIGHT[path].count(fault["old"])
    texts = {**RIGHT, path: RIGHT[path].replace(fault["old"], fault["new"])}
    [issue] = load(texts, ENV).issues

    assert (fault["code"], fault["marks"]) == (issue.code, marked(texts, issue))
    assert fault["says"] in issue.cure


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if "did you mean" in fault["says"]], ids=lambda f: f["what"]
)
def test_the_word_that_a_cure_names_removes_the_fault(fault: dict[str, Any]) -> None:
    path = f"flows/{fault['file']}.yaml"
    texts = {**RIGHT, path: RIGHT[path].replace(fault["old"], fault["new"])}
    [issue] = load(texts, ENV).issues
    meant = _MEANT.fullmatch(issue.cure)

    assert meant is not None
    assert () == load(cured(texts, issue, meant[1]), ENV).issues
