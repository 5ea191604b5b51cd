"""Scenario files as test files of pytest: their projects are loaded once, and their scenarios played."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cli.environment import server_settings
from app.cli.project import Source
from app.cli.server_under_test import make_app
from app.errors import SettingsError
from app.flow.report import report
from app.verify.scenarios.files import read_files
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.reports import Ink, as_text
from app.verify.scenarios.runner import LocalStage, fitted, play


class ScenarioDiffers(Exception):
    """A scenario does not hold; the text says what was heard instead."""


@dataclass(frozen=True, slots=True)
class ProjectStage:
    """One project, the stage on which its scenarios play, and the event loop that they run in."""

    source: Source
    stage: LocalStage
    runner: asyncio.Runner


STAGES: pytest.StashKey[dict[Path, ProjectStage]] = pytest.StashKey()


class ScenarioCollector(pytest.File):
    """One file of scenarios."""

    def __init__(self, *, project: Path, **options: Any) -> None:
        super().__init__(**options)
        self.project = project

    def collect(self) -> Iterator[pytest.Item]:
        """Its scenarios. Raises CollectError with every fault of the file, or of the flows."""
        at = _stage_of(self.project, self.config)
        (file,) = read_files([Path(os.path.relpath(self.path))])
        scenarios, issues = fitted(at.stage, [file])
        if any(issue.is_error for issue in issues):
            raise self.CollectError(report(issues, {file.name: file.text}))
        for scenario in scenarios:
            item: ScenarioItem = ScenarioItem.from_parent(self, name=scenario.name, at=at, scenario=scenario)
            yield item


def _stage_of(project: Path, config: pytest.Config) -> ProjectStage:
    """Where the scenarios of a project play. Raises CollectError when its flows or the settings have errors."""
    stages = config.stash.setdefault(STAGES, {})
    if project not in stages:
        home = Path(os.path.relpath(project))
        source = Source(home / "flows", home / "templates")
        found = source.load({})
        errors = [issue for issue in found.issues if issue.is_error]
        if errors:
            raise pytest.Collector.CollectError(report(errors, found.texts))
        try:
            dial_allow = server_settings().dial_allow
        except SettingsError as error:
            raise pytest.Collector.CollectError(str(error)) from error
        runner = asyncio.Runner()
        config.add_cleanup(runner.close)
        stages[project] = ProjectStage(source, LocalStage(found.project, make_app, dial_allow), runner)
    return stages[project]


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, at: ProjectStage, scenario: Scenario, **options: Any) -> None:
        super().__init__(**options)
        self.at = at
        self.scenario = scenario

    def runtest(self) -> None:
        """Play it. Raises ScenarioDiffers."""
        result = self.at.runner.run(play(self.at.stage, self.scenario))
        if not result.holds:
            raise ScenarioDiffers(as_text(result, self.at.source.path_of, Ink(is_on=False)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was heard, with the first difference marked; a traceback for anything but a difference."""
        if isinstance(excinfo.value, ScenarioDiffers):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is written."""
        return self.path, self.scenario.place.line - 1, f"scenario: {self.name}"
