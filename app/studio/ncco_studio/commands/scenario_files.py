"""The scenario files that a command uses, and their projects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ncco_server.desk.output import CannotRun
from ncco_server.desk.project import Source, source_at
from ncco_server.flow.files import HANDLER_SUFFIX, SCENARIO_FOLDERS, SUFFIXES, is_project, project_of
from ncco_studio.verify.scenarios.files import files_in, files_of

_FIRST: Final = f"keep a call of the console's phone, or let `ncco prove --tests {SCENARIO_FOLDERS[0]}` write some"
_CURE: Final = (
    f"name a project, or a folder or .yaml file of scenarios; a project's scenarios are in {SCENARIO_FOLDERS[0]}/"
)


def find_scenarios(paths: Sequence[Path], flows: Path | None, templates: Path | None) -> dict[Source, tuple[Path, ...]]:
    """Without paths, use the files of this folder's project. Raises CannotRun."""
    if not paths or flows is not None:
        source = Source.here(flows, templates)
        return {source: find_files(paths, Path(os.path.normpath(source.flows / "..")))}
    found: dict[Source, tuple[Path, ...]] = {}
    for path in paths:
        if path.suffix == HANDLER_SUFFIX:
            source = source_at(path, templates)
            found[source] = find_files([], Path(os.path.normpath(source.flows / "..")))
            continue
        files = find_files([path])
        project = project_of(path)
        if project is None:
            cure = "put it inside the project's folder (the one with `flows`), or name that folder with --flows"
            raise CannotRun(f"{path} does not belong to a project", cure)
        home = Path(os.path.relpath(project))
        source = Source(home / "flows", templates or home / "templates")
        found[source] = tuple(dict.fromkeys((*found.get(source, ()), *files)))
    return found


def find_files(paths: Sequence[Path], home: Path = Path()) -> tuple[Path, ...]:
    """Without paths, use the project's files. Raises CannotRun if there are none."""
    found: dict[Path, None] = {}
    for path in paths or (home,):
        if paths and not path.exists():
            raise CannotRun(f"{path} does not exist", _CURE)
        if path.is_file():
            files: Iterable[Path] = (path,) if path.suffix.lower() in SUFFIXES else ()
        else:
            files = files_of(path) if not paths or is_project(path) else tuple(files_in(path))
        if not files:
            raise CannotRun(f"there are no scenarios in {path}", _FIRST if is_project(path) else _CURE)
        found.update(dict.fromkeys(files))
    return tuple(found)


def first_numbers(files: Iterable[Path]) -> dict[str, str]:
    """Flow → number, without issues of the scenario files' projects."""
    found: dict[str, str] = {}
    for home in dict.fromkeys(home for file in files if (home := project_of(file)) is not None):
        flows = Source(home / "flows", home / "templates").load({}).project.flows
        found = {name: flow.numbers[0] for name, flow in flows.items() if flow.numbers} | found
    return found
