"""Plays scenarios that stand in a test on a flow that stands there too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cli.server_under_test import make_app
from app.flow.loader import load
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.model import read_scenarios
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import Suite, run_suite
from app.verify.scenarios.server import Outside
from app.verify.scenarios.stage import LocalStage

FILE = "tests/scenarios/main.yaml"


def stage_for(flow: str, more: Mapping[str, str] | None = None, outside: Outside | None = None) -> LocalStage:
    """The stage of a project with the flow `flows/main.yaml`, and `more` by name."""
    others = {f"flows/{name}.yaml": text for name, text in (more or {}).items()}
    project = load({"flows/main.yaml": flow, **others}, {})
    errors = [str(issue) for issue in project.issues if issue.is_error]
    assert not errors, errors
    return LocalStage(project, make_app, outside=outside)


def file_of(text: str) -> ScenarioFile:
    """A scenario file with this text."""
    scenarios, issues = read_scenarios(FILE, text)
    return ScenarioFile(Path(FILE), FILE, text, scenarios, tuple(issues))


def run(flow: str, text: str, **more: str) -> Suite:
    """What comes of the scenarios of a text; `more` are flows beside it."""
    stage = stage_for(flow, more)
    return asyncio.run(run_suite(stage, [file_of(text)]))


def played(flow: str, script: str, head: str = "", **more: str) -> Result:
    """What comes of one script: its steps one a line, without their indentation; `head` is what stands beside it."""
    lines = "".join(f"    {line}\n" for line in script.strip("\n").split("\n"))
    stage = stage_for(flow, more)
    suite = asyncio.run(run_suite(stage, [file_of(f"a call:\n{head}  script:\n{lines}")]))
    assert not [issue for issue in suite.issues if issue.is_error], suite.issues
    return suite.results[0]


def messages(result: Result) -> Sequence[str]:
    """What differs, one sentence each, with the line of the scenario file."""
    return [f"{difference.place.line}: {difference.message}" for difference in result.differences]
