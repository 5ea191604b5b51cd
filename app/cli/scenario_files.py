"""The scenario files that a command plays, and their projects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from app.cli.environment import folders
from app.cli.output import CannotRun
from app.cli.project import Source, load_source
from app.verify.scenarios.files import FOLDERS, SUFFIXES, files_in, files_of, project_of


def find_scenarios(paths: Sequence[Path], flows: Path | None, templates: Path | None) -> dict[Source, tuple[Path, ...]]:
    """Project → its scenario files by name; the project in this folder without paths. Raises CannotRun."""
    found: dict[Source, dict[Path, None]] = {}
    if not paths:
        source = Source(*folders(flows, templates))
        home = Path(os.path.normpath(source.flows / ".."))
        return {_checked(source): _not_empty(files_of(home), home)}
    for path in paths:
        source, files = _scenarios_at(path, flows, templates)
        found.setdefault(_checked(source), {}).update(dict.fromkeys(_not_empty(files, path)))
    return {source: tuple(files) for source, files in found.items()}


def find_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The scenario files, whatever project they belong to. Raises CannotRun when there are none."""
    found: dict[Path, None] = {}
    for path in paths or (Path(),):
        _check_scenario_path(path)
        files = (path,) if path.is_file() else files_of(path) or (tuple(files_in(path)) if paths else ())
        found.update(dict.fromkeys(_not_empty(files, path)))
    return tuple(found)


def first_numbers(files: Iterable[Path]) -> dict[str, str]:
    """The first number of each flow, by name, in the projects of scenario files; faults do not matter."""
    found: dict[str, str] = {}
    for home in dict.fromkeys(home for file in files if (home := project_of(file)) is not None):
        with suppress(CannotRun):
            flows = load_source(Source(home / "flows", home / "templates"), {}).project.flows
            found |= {name: flow.numbers[0] for name, flow in flows.items() if flow.numbers and name not in found}
    return found


def _scenarios_at(path: Path, flows: Path | None, templates: Path | None) -> tuple[Source, Sequence[Path]]:
    _check_scenario_path(path)
    if path.is_dir() and (path / "flows").is_dir():
        home, files = path, files_of(path)
    else:
        found = project_of(path)
        if found is None and flows is None:
            cure = "put it below the project's folder, which holds `flows`, or name the folder with --flows"
            raise CannotRun(f"{path} does not belong to a project", cure)
        home = Path(os.path.relpath(found)) if found is not None else Path()
        files = (path,) if path.is_file() else tuple(files_in(path))
    if flows is not None:
        return Source(*folders(flows, templates)), files
    return Source(home / "flows", templates or home / "templates"), files


def _check_scenario_path(path: Path) -> None:
    """Raises CannotRun for a path that cannot hold scenarios."""
    if not path.exists():
        raise CannotRun(f"{path} does not exist", "name a project folder, a folder of scenarios, or a scenario file")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise CannotRun(f"{path} is not a scenario file", "name a .yaml file, or the project's folder")


def _checked(source: Source) -> Source:
    if not source.flows.is_dir():
        cure = "run it in the project's folder, or name the folder with --flows or NCCO_FLOWS"
        raise CannotRun(f"there is no folder of flows at {source.flows}", cure)
    return source


def _not_empty(files: Sequence[Path], where: Path) -> tuple[Path, ...]:
    return tuple(files) if files else _refuse_empty(where)


def _refuse_empty(where: Path) -> NoReturn:
    """Raises CannotRun, with the folder for the first scenario of the project."""
    project = project_of(where)
    home = where if project is None else Path(os.path.relpath(project))
    cure = f"write the first one into {(home / FOLDERS[0]).as_posix()}/, see docs/how-to/test-a-flow.md"
    raise CannotRun(f"there are no scenarios in {where}", cure)
