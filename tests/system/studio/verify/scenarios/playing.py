"""Plays scenarios on flows, both written as texts in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from ncco_server.flow.loader import load
from ncco_studio.verify.scenarios.files import ScenarioFile
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.runner import Suite, run_suite
from ncco_studio.verify.scenarios.stage import LocalStage, PathOf

FILE = "tests/scenarios/main.yaml"


def stage_for(flow: str, more: Mapping[str, str] | None = None, path_of: PathOf = str) -> LocalStage:
    """A project with the flow `flows/main.yaml` and `more` flows by name, ready to play."""
    others = {f"flows/{name}.yaml": text for name, text in (more or {}).items()}
    project = load({"flows/main.yaml": flow, **others}, {})
    errors = [str(issue) for issue in project.issues if issue.is_error]
    assert not errors, errors
    return LocalStage(project, path_of=path_of)


def file_of(text: str) -> ScenarioFile:
    """A scenario file with this text."""
    scenarios, issues = read_scenarios(FILE, text)
    return ScenarioFile(Path(FILE), FILE, text, scenarios, tuple(issues))


def run(flow: str, text: str, **more: str) -> Suite:
    """Play the scenarios in a text; `more` are additional flows."""
    stage = stage_for(flow, more)
    return asyncio.run(run_suite(stage, [file_of(text)]))


def played(flow: str, script: str, head: str = "", **more: str) -> Result:
    """Play one script, with a step on each line and no indentation; `head` has the other keys of the scenario."""
    lines = "".join(f"    {line}\n" for line in script.strip("\n").split("\n"))
    stage = stage_for(flow, more)
    suite = asyncio.run(run_suite(stage, [file_of(f"a call:\n{head}  script:\n{lines}")]))
    assert not [issue for issue in suite.issues if issue.is_error], suite.issues
    return suite.results[0]


def messages(result: Result) -> Sequence[str]:
    """The differences, one sentence each, with the line in the scenario file."""
    return [f"{difference.place.line}: {difference.message}" for difference in result.differences]
