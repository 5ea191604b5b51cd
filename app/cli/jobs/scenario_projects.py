"""Which scenarios a command is about, and the projects that they play in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from app.cli.jobs.environment import folders
from app.cli.jobs.project import Source, find
from app.cli.work import CannotRun
from app.verify.scenarios.files import FOLDERS, SUFFIXES, files_in, files_of, project_of


@dataclass(frozen=True, slots=True)
class ScenarioProject:
    """One project on disk and the scenario files that are meant, in the order of their names."""

    source: Source
    files: tuple[Path, ...]


def find_projects(paths: Sequence[Path], flows: Path | None, templates: Path | None) -> tuple[ScenarioProject, ...]:
    """The projects that are named, each once. Raises CannotRun when there is nothing to play."""
    if not paths:
        return (_here(flows, templates),)
    gathered: dict[Source, dict[Path, None]] = {}
    for path in paths:
        found = _named(path, flows, templates)
        gathered.setdefault(found.source, {}).update(dict.fromkeys(found.files))
    return tuple(ScenarioProject(source, tuple(files)) for source, files in gathered.items())


def find_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The scenario files that are meant, whatever project they belong to. Raises CannotRun when there are none."""
    found: dict[Path, None] = {}
    for path in paths or (Path(),):
        _require(path)
        own = (path,) if path.is_file() else files_of(path) or (tuple(files_in(path)) if paths else ())
        if not own:
            _refuse_empty(path)
        found.update(dict.fromkeys(own))
    return tuple(found)


def numbers_at_hand(files: Iterable[Path]) -> dict[str, str]:
    """The first number of each flow of the projects that scenario files belong to, by name; faults do not matter."""
    found: dict[str, str] = {}
    for home in dict.fromkeys(home for file in files if (home := project_of(file)) is not None):
        with suppress(CannotRun):
            flows = find(Source(home / "flows", home / "templates"), {}).project.flows
            found |= {name: flow.numbers[0] for name, flow in flows.items() if flow.numbers and name not in found}
    return found


def _here(flows: Path | None, templates: Path | None) -> ScenarioProject:
    source = Source(*folders(flows, templates))
    home = Path(os.path.normpath(source.flows / ".."))
    return _with_files(source, files_of(home), home)


def _named(path: Path, flows: Path | None, templates: Path | None) -> ScenarioProject:
    _require(path)
    if path.is_dir() and (path / "flows").is_dir():
        return _with_files(_source(path, flows, templates), files_of(path), path)
    home = project_of(path)
    if home is None and flows is None:
        cure = "put it below the project's folder, which holds `flows`, or name the folder with --flows"
        raise CannotRun(f"{path} belongs to no project", cure)
    shown = Path(os.path.relpath(home)) if home is not None else Path()
    files = (path,) if path.is_file() else tuple(files_in(path))
    return _with_files(_source(shown, flows, templates), files, path)


def _source(home: Path, flows: Path | None, templates: Path | None) -> Source:
    if flows is not None:
        return Source(*folders(flows, templates))
    return Source(home / "flows", templates or home / "templates")


def _with_files(source: Source, files: tuple[Path, ...], where: Path) -> ScenarioProject:
    if not source.flows.is_dir():
        cure = "run it in the project's folder, or name the folder with --flows or NCCO_FLOWS"
        raise CannotRun(f"there is no folder of flows at {source.flows}", cure)
    if not files:
        _refuse_empty(where)
    return ScenarioProject(source, files)


def _require(path: Path) -> None:
    """Raises CannotRun for what holds no scenarios, as its name tells."""
    if not path.exists():
        raise CannotRun(f"{path} does not exist", "name a project folder, a folder of scenarios, or a scenario file")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise CannotRun(f"{path} is no scenario file", "name a .yaml file, or the project's folder")


def _refuse_empty(where: Path) -> NoReturn:
    """Raises CannotRun, with the folder of the project that its first scenario belongs into."""
    project = project_of(where)
    home = where if project is None else Path(os.path.relpath(project))
    cure = f"write the first one into {(home / FOLDERS[0]).as_posix()}/, see docs/how-to/test-a-flow.md"
    raise CannotRun(f"there are no scenarios in {where}", cure)
