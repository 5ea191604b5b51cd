"""A plugin for pytest: each scenario of `tests/scenarios/*.yaml` is a test, beside a project's tests in Python.

What plays them is imported when the first scenario file is found, so that other projects do not wait for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

SUFFIXES: Final = (".yaml", ".yml")
FOLDERS: Final = (("tests", "scenarios"), ("scenarios",))
"""As in `app.verify.scenarios.files`, which takes as long to import as a small project takes to test."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario file of a project: below `tests/scenarios` or `scenarios` of a folder that holds `flows`."""
    if file_path.suffix.lower() not in SUFFIXES:
        return None
    project = project_of(file_path)
    if project is None:
        return None
    found: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    found.project = project
    return found


def project_of(file: Path) -> Path | None:
    """The project that a scenario file belongs to; None for any other file."""
    for folder in file.parents:
        inside = folder.parts
        for parts in FOLDERS:
            home = folder.parents[len(parts) - 1] if inside[-len(parts) :] == parts else None
            if home is not None and (home / "flows").is_dir():
                return home
    return None


class ScenarioFile(pytest.File):
    """One file of scenarios."""

    project: Path

    def collect(self) -> Iterator[pytest.Item]:
        """Its scenarios. Raises CollectError with every fault of the file, or of the flows."""
        playing = importlib.import_module("app.cli.jobs.pytest_scenarios")
        stage = playing.stage_of(self.project, self.config)
        for scenario in playing.scenarios_of(stage, self.path):
            item: ScenarioItem = ScenarioItem.from_parent(self, name=scenario.name)
            item.playing, item.stage, item.scenario = playing, stage, scenario
            yield item


class ScenarioItem(pytest.Item):
    """One scenario."""

    playing: Any
    stage: Any
    scenario: Any

    def runtest(self) -> None:
        """Play it. Raises `app.cli.jobs.pytest_scenarios.ScenarioDiffers`."""
        self.playing.play_one(self.stage, self.scenario)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was heard, with the first difference marked; a traceback only where something broke."""
        if isinstance(excinfo.value, self.playing.ScenarioDiffers):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is written."""
        return self.path, self.scenario.place.line - 1, f"scenario: {self.name}"
