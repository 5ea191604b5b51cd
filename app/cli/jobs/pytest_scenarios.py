"""What the plugin for pytest does once there are scenarios: loads their projects, and plays them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from app.cli.jobs.project import Source, as_named, find
from app.cli.jobs.server_settings import server_settings
from app.cli.jobs.server_under_test import make_app
from app.cli.work import CannotRun
from app.flow.report import report
from app.verify.scenarios.files import read_files
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.suite import fitted, play
from app.verify.scenarios.telling import Ink, told

STAGES: pytest.StashKey[dict[Path, ProjectStage]] = pytest.StashKey()


class ScenarioDiffers(Exception):
    """A scenario does not hold; the text tells a person what was heard instead."""


@dataclass(frozen=True, slots=True)
class ProjectStage:
    """One project, where its scenarios play, and the loop that they run in."""

    source: Source
    stage: Stage
    runner: asyncio.Runner


def stage_of(project: Path, config: pytest.Config) -> ProjectStage:
    """Where the scenarios of a project play; it is loaded once. Raises CollectError when its flows have errors."""
    stages = config.stash.setdefault(STAGES, {})
    if project not in stages:
        home = Path(os.path.relpath(project))
        source = Source(home / "flows", home / "templates")
        found = find(source, {})
        errors = [issue for issue in found.issues if issue.is_error]
        if errors:
            raise pytest.Collector.CollectError(report(errors, found.texts))
        runner = asyncio.Runner()
        config.add_cleanup(runner.close)
        stages[project] = ProjectStage(source, Stage(found.project, make_app, _dial_allow()), runner)
    return stages[project]


def _dial_allow() -> tuple[str, ...]:
    """Prefixes of computed numbers, as `ncco test` takes them. Raises CollectError when a setting is wrong."""
    try:
        return server_settings().dial_allow
    except CannotRun as error:
        raise pytest.Collector.CollectError(error.message) from error


def scenarios_of(at: ProjectStage, path: Path) -> tuple[Scenario, ...]:
    """The scenarios of a file. Raises CollectError when it has an error."""
    (file,) = read_files([Path(os.path.relpath(path))])
    ready, issues = fitted(at.stage, [file])
    if any(issue.is_error for issue in issues):
        raise pytest.Collector.CollectError(report(issues, {file.name: file.text}))
    return ready


def play_one(at: ProjectStage, scenario: Scenario) -> None:
    """Play a scenario. Raises ScenarioDiffers."""
    result = at.runner.run(play(at.stage, scenario))
    if not result.holds:
        raise ScenarioDiffers(told(result, partial(as_named, source=at.source), Ink(is_on=False)))
