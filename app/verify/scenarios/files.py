"""Finds the scenario files of a project, and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.flow.issues import Issue
from app.flow.nodes import Place
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.reading import read_scenarios
from app.verify.scenarios.rules import RULES

SUFFIXES: Final = (".yaml", ".yml")
FOLDERS: Final = ("tests/scenarios", "scenarios")
"""Where the scenarios of a project are, below the folder that holds its folder of flows."""


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """One file as far as it could be read. `name` is how it is shown."""

    path: Path
    name: str
    text: str
    scenarios: tuple[Scenario, ...]
    issues: tuple[Issue, ...]


def files_of(project: Path) -> tuple[Path, ...]:
    """The scenario files of a project, by name."""
    return tuple(path for folder in FOLDERS for path in files_in(project / folder))


def files_in(folder: Path) -> Iterator[Path]:
    """Every scenario file in a folder and below it; names that begin with a dot are left out."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and path.suffix.lower() in SUFFIXES and not is_hidden:
                yield path


def project_of(path: Path) -> Path | None:
    """The folder of the project that a scenario file or folder belongs to: the nearest that holds `flows`."""
    whole = path.resolve()
    for folder in (whole, *whole.parents):
        if (folder / "flows").is_dir():
            return folder
    return None


def read_files(paths: Iterable[Path]) -> tuple[ScenarioFile, ...]:
    """The files, each with its scenarios and its issues; one that cannot be read has S110."""
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> ScenarioFile:
    name = path.as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return _unreadable(path, name, str(error.strerror))
    except UnicodeDecodeError as error:
        return _unreadable(path, name, f"byte {error.start + 1} is not UTF-8")
    scenarios, issues = read_scenarios(name, text)
    return ScenarioFile(path, name, text, scenarios, tuple(issues))


def _unreadable(path: Path, name: str, why: str) -> ScenarioFile:
    issue = RULES["S110"].at(Place(name, 1, 1), f"the file cannot be read: {why}")
    return ScenarioFile(path, name, "", (), (issue,))
