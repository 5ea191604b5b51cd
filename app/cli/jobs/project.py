"""Which files a command is about: folders and files as they were named, loaded, with issues at those names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from app.cli.jobs.environment import project_folders
from app.cli.jobs.siblings import siblings
from app.cli.terminal import takes_colour
from app.cli.work import CannotRun
from app.flow.files import read_project
from app.flow.issues import Issue
from app.flow.loader import load
from app.flow.model import Project
from app.flow.report import report

SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Source:
    """One project on disk: its folders, and the flow files that are meant when not all of the folder are."""

    flows: Path
    templates: Path
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was loaded from a source. Issues and texts carry the paths as the caller named the folders."""

    project: Project
    issues: tuple[Issue, ...]
    texts: Mapping[str, str]

    @property
    def has_errors(self) -> bool:
        """Whether anything keeps the project from being used, a file that cannot be read included."""
        return any(issue.is_error for issue in self.issues)


def find_source(path: Path, templates: Path | None) -> Source:
    """The project that `path` names: its folder, its folder of flows, or one flow file of it. Raises CannotRun."""
    if not path.exists():
        raise CannotRun(f"{path} does not exist", "name a project folder, a folder of flow files, or a flow file")
    if path.is_dir():
        flows, beside = project_folders(path)
        return Source(flows, templates or beside)
    if path.suffix.lower() not in SUFFIXES:
        cure = "name the flow file (.yaml) that uses it, or the project's folder"
        raise CannotRun(f"{path} is not a flow file", cure)
    return Source(path.parent, templates or project_folders(path.parent)[1], (path,))


def gather(sources: Iterable[Source]) -> tuple[Source, ...]:
    """The same sources, files of one folder joined, so that they are checked against each other."""
    gathered: dict[tuple[Path, Path, bool], Source] = {}
    for source in sources:
        key = (source.flows, source.templates, bool(source.files))
        before = gathered.get(key, replace(source, files=()))
        gathered[key] = replace(before, files=tuple(dict.fromkeys((*before.files, *source.files))))
    return tuple(gathered.values())


def find(source: Source, env: Mapping[str, str]) -> Findings:
    """Load it. Raises CannotRun when a folder or a file of it cannot be read at all."""
    if not source.flows.is_dir():
        cure = "run it in the project's folder, or name the folder with --flows or NCCO_FLOWS"
        raise CannotRun(f"there is no folder of flows at {source.flows}", cure)
    try:
        texts, unread = _read_files(source) if source.files else read_project(source.flows, source.templates)
    except OSError as error:
        raise CannotRun(f"{error.filename}: {error.strerror}", "name a folder that can be read") from error
    project = load(texts, env, extent="files" if source.files else "project")
    names = {text: as_named(text, source) for text in texts}
    issues = tuple(_renamed(issue, source) for issue in (*unread, *project.issues))
    return Findings(project, issues, {names[text]: content for text, content in texts.items()})


def show_errors(found: Findings) -> None:
    """Print the errors of a project on standard error; its warnings are for `ncco check`."""
    errors = [issue for issue in found.issues if issue.is_error]
    click.echo(report(errors, found.texts, "text", takes_colour()), nl=False, err=True, color=takes_colour())


def _read_files(source: Source) -> tuple[dict[str, str], list[Issue]]:
    """The files that are meant, with every template of the project."""
    texts, issues = read_project(source.templates, source.templates)
    templates = {name: text for name, text in texts.items() if name.startswith("templates/")}
    flows = {f"flows/{file.name}": _read_file(file) for file in source.files}
    return siblings(flows, source.flows) | flows | templates, [
        issue for issue in issues if issue.place.file.startswith("templates/")
    ]


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}", "name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise CannotRun(f"{file}: byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from error


def _renamed(issue: Issue, source: Source) -> Issue:
    return replace(issue, place=issue.place._replace(file=as_named(issue.place.file, source)))


def as_named(display: str, source: Source) -> str:
    """`flows/acme.yaml` as a path that the caller can open."""
    for folder, path in (("flows", source.flows), ("templates", source.templates)):
        if display == folder or display.startswith(f"{folder}/"):
            return (path / display.removeprefix(folder).lstrip("/")).as_posix()
    return display
