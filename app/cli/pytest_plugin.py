"""A plugin for pytest: each scenario of `tests/scenarios/*.yaml` is a test, beside a project's tests in Python."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import pytest

SUFFIXES: Final = (".yaml", ".yml")
FOLDERS: Final = (("tests", "scenarios"), ("scenarios",))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario file of a project: below `tests/scenarios` or `scenarios` of a folder that holds `flows`."""
    project = project_of(file_path) if file_path.suffix.lower() in SUFFIXES else None
    if project is None:
        return None
    # Imported for the first scenario file only: other projects need not wait for it.
    scenarios = importlib.import_module("app.cli.pytest_scenarios")
    file: pytest.Collector = scenarios.ScenarioCollector.from_parent(parent, path=file_path, project=project)
    return file


def project_of(file: Path) -> Path | None:
    """The project that a scenario file belongs to; None for any other file."""
    for folder in file.parents:
        for parts in FOLDERS:
            home = folder.parents[len(parts) - 1] if folder.parts[-len(parts) :] == parts else None
            if home is not None and (home / "flows").is_dir():
                return home
    return None
