"""The project that a command is about: the folders and files that were named, loaded, with issues at those names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import click

from app.cli.environment import flow_variables, folders, project_folders
from app.cli.output import CannotRun, shows_colours
from app.flow.files import read_project
from app.flow.issues import Issue
from app.flow.loader import load
from app.flow.model import Flow, Project
from app.flow.report import report
from app.ncco.suggest import nearest

SUFFIXES: Final = (".yaml", ".yml")
_SHARED: Final = re.compile(r"^[\"']?shared[\"']?\s*:", re.MULTILINE)
_NAMED: Final = re.compile(r"^[\"']?flow[\"']?\s*:\s*[\"']?([\w-]+)", re.MULTILINE)
_RUN: Final = re.compile(r"\brun[\"']?\s*:\s*[\"']?([\w-]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """One project on disk: its folders, and `files` when only some of its flow files are meant."""

    flows: Path
    templates: Path
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was loaded. Issues and texts carry paths that the user can open."""

    project: Project
    issues: tuple[Issue, ...]
    texts: Mapping[str, str]

    @property
    def has_errors(self) -> bool:
        """Whether the project cannot be used, for example because a file cannot be read."""
        return any(issue.is_error for issue in self.issues)


def source_at(path: Path, templates: Path | None) -> Source:
    """The project at `path`: its folder, its folder of flows, or one of its flow files. Raises CannotRun."""
    if not path.exists():
        raise CannotRun(f"{path} does not exist", "name a project folder, a folder of flow files, or a flow file")
    if path.is_dir():
        flows, beside = project_folders(path)
        return Source(flows, templates or beside)
    if path.suffix.lower() not in SUFFIXES:
        cure = "name the flow file (.yaml) that uses it, or the project's folder"
        raise CannotRun(f"{path} is not a flow file", cure)
    return Source(path.parent, templates or project_folders(path.parent)[1], (path,))


def source_of(what: str | None, flows: Path | None, templates: Path | None) -> tuple[Source, str]:
    """The project that a word of the command line means, and the flow; "" when it means no flow. Raises CannotRun."""
    here = Source(*folders(flows, templates))
    if what is None:
        return here, ""
    path = Path(what)
    is_path = path.exists() or path.suffix.lower() in SUFFIXES or "/" in what
    if is_path and flows is None:
        # A flow may have the name of a folder.
        is_flow = "/" not in what and here.flows.is_dir() and what in load_source(here).project.flows
        if not is_flow:
            return source_at(path, templates), ""
    return here, what


def load_source(source: Source, env: Mapping[str, str] | None = None, *, today: date | None = None) -> Findings:
    """Load a project, with the variables of the environment unless `env` is given; `today` as in `load`.

    Raises CannotRun when a folder or a file of it cannot be read at all.
    """
    if not source.flows.is_dir():
        cure = "run it in the project's folder, or name the folder with --flows or NCCO_FLOWS"
        raise CannotRun(f"there is no folder of flows at {source.flows}", cure)
    try:
        texts, unread = _read_files(source) if source.files else read_project(source.flows, source.templates)
    except OSError as error:
        raise CannotRun(f"{error.filename}: {error.strerror}", "name a folder that can be read") from error
    variables = flow_variables() if env is None else env
    project = load(texts, variables, extent="files" if source.files else "project", today=today)
    issues = (
        replace(issue, place=issue.place._replace(file=path_of(issue.place.file, source)))
        for issue in (*unread, *project.issues)
    )
    return Findings(project, tuple(issues), {path_of(name, source): text for name, text in texts.items()})


def path_of(name: str, source: Source) -> str:
    """`flows/acme.yaml` as a path that the user can open."""
    for folder, path in (("flows", source.flows), ("templates", source.templates)):
        if name == folder or name.startswith(f"{folder}/"):
            return (path / name.removeprefix(folder).lstrip("/")).as_posix()
    return name


def load_without_errors(source: Source, env: Mapping[str, str] | None = None) -> Findings | None:
    """Load a project; None when it has errors, which are printed to standard error. Raises CannotRun."""
    found = load_source(source, env)
    if not found.has_errors:
        return found
    print_errors(found)
    return None


def print_errors(found: Findings) -> None:
    """Print the errors of a project to standard error; `ncco check` shows its warnings."""
    errors = [issue for issue in found.issues if issue.is_error]
    click.echo(report(errors, found.texts, "text", shows_colours()), nl=False, err=True, color=shows_colours())


def flow_named(name: str, flows: Mapping[str, Flow]) -> Flow:
    """The flow of that name. Raises CannotRun."""
    if name not in flows:
        raise CannotRun(f'there is no flow "{name}"', did_you_mean(name, flows))
    return flows[name]


def flow_of_file(source: Source, found: Findings) -> str:
    """The flow of the one file that was named; "" when a whole project was."""
    if len(source.files) != 1:
        return ""
    place = f"flows/{source.files[0].name}"
    return next((flow.name for flow in found.project.flows.values() if flow.place.file == place), "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The cure for an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"


def _read_files(source: Source) -> tuple[dict[str, str], list[Issue]]:
    """The named files and the files that they need, with every template of the project."""
    texts, issues = read_project(source.templates, source.templates)
    templates = {name: text for name, text in texts.items() if name.startswith("templates/")}
    flows = {f"flows/{file.name}": _read_file(file) for file in source.files}
    return _needed_by(flows, source.flows) | flows | templates, [
        issue for issue in issues if issue.place.file.startswith("templates/")
    ]


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}", "name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise CannotRun(f"{file}: byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from error


def _needed_by(texts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The files of `folder` that the flows in `texts` need: shared parts, and the flows that they run.

    Other flows of the folder are left out: the user did not ask about their faults.
    """
    found, _ = read_project(folder, folder / "none")
    others = {path: text for path, text in found.items() if path not in texts}
    file_of_flow = {name: path for path, text in others.items() for name in _NAMED.findall(text)[:1]}
    own = {name for text in texts.values() for name in _NAMED.findall(text)[:1]}
    needed = {path: text for path, text in others.items() if _SHARED.search(text) and not _NAMED.search(text)}
    unread = list(texts.values())
    while unread:
        for run in _RUN.finditer(unread.pop()):
            path = file_of_flow.get(run[1])
            if path is not None and path not in needed and run[1] not in own:
                needed[path] = others[path]
                unread.append(others[path])
    return needed
