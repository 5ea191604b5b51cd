"""Finds and loads a command's project. Issues have paths that the user can open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

import click

from ncco_server.desk.environment import (
    default_line,
    flow_variables,
    folders,
    project_folders,
    python_flows,
    python_lookups,
    variables,
)
from ncco_server.desk.output import ISSUES, LONGEST_NAME, CannotRun, read_text
from ncco_server.flow.files import (
    HANDLER_SUFFIX,
    SUFFIXES,
    display_path,
    is_deployed,
    named_flows,
    read_project,
    search_beside,
)
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import Extent, load
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.report import report
from ncco_server.suggest import near_or_all

if TYPE_CHECKING:
    from ncco_server.settings import Settings

_SHARED: Final = re.compile(r"^(?:\{\s*)?[\"']?shared[\"']?\s*:", re.MULTILINE)
_QUOTED: Final = re.compile(r"[\"']([\w-]+)[\"']")
FLOW_FILES: Final = (*SUFFIXES, HANDLER_SUFFIX)
_RUN: Final = re.compile(r"\brun[\"']?\s*:\s*[\"']?([\w-]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A project on disk: its folders, and `files` if only some are meant.

    Attributes:
        program: a file with handlers that was named; its folder is that of the project, and the other ones may be
            missing.
    """

    flows: Path
    templates: Path
    files: tuple[Path, ...] = ()
    program: Path | None = None

    @classmethod
    def here(cls, flows: Path | None, templates: Path | None) -> Self:
        """The project of the options or the environment, or else in this folder; `flows` may be a Python file.

        Raises CannotRun.
        """
        program = flows or Path(variables().get("NCCO_FLOWS", ""))
        if program.suffix == HANDLER_SUFFIX:
            return cls(program.with_name("flows"), templates or program.with_name("templates"), program=program)
        return cls(*folders(flows, templates))

    @classmethod
    def of(cls, settings: Settings) -> Self:
        program = next((Path(each) for each in settings.python_flows if is_deployed(each)), None)
        return cls(settings.flows, settings.templates, program=program)

    def path_of(self, name: str) -> str:
        """Return the path that a user can open for a name such as `flows/acme.yaml`."""
        if self.program is not None and name == display_path(str(self.program.absolute())):
            return self.program.as_posix()
        for folder, path in (("flows", self.flows), ("templates", self.templates)):
            if name == folder or name.startswith(f"{folder}/"):
                return (path / name.removeprefix(folder).lstrip("/")).as_posix()
        return name

    def load(self, env: Mapping[str, str] | None = None, *, today: date | None = None) -> LoadedProject:
        """Use the variables of the environment unless `env` is given; `today` is as in `load`.

        Raises CannotRun if the folder or a named file cannot be read.
        """
        texts, unread = self.read()
        variables = flow_variables() if env is None else env
        extent: Extent = "files" if self.files else "project"
        handlers = self.handlers
        if handlers:
            search_beside(self.flows)
        with chdir("."):  # the file of a handler may change the working directory
            project = load(
                texts,
                variables,
                unread=unread,
                modules=python_lookups(),
                extent=extent,
                today=today,
                handlers=handlers,
                default=default_line(),
            )
        issues = tuple(
            replace(issue, place=issue.place._replace(file=self.path_of(issue.place.file))) for issue in project.issues
        )
        return LoadedProject(self, project, issues, {self.path_of(name): text for name, text in texts.items()})

    def read(self) -> tuple[dict[str, str], list[FlowIssue]]:
        """Return texts by name, and an issue for each file that cannot be read.

        Raises CannotRun if the folder or a named file cannot be read.
        """
        if self.program is not None:
            texts, issues = read_project(self.flows, self.templates)
            return {display_path(str(self.program.absolute())): read_text(self.program), **texts}, issues
        if not self.exists:
            cure = "run it in a project's folder, which `ncco init DIR` makes, or name a folder or file in NCCO_FLOWS"
            raise CannotRun(f"there is no flow folder at {str(self.flows)[:LONGEST_NAME]}", cure)
        return self._read_files() if self.files else read_project(self.flows, self.templates)

    @property
    def exists(self) -> bool:
        """Whether there is a folder or a file that may have flows."""
        return self.flows.is_dir() or self.templates.is_dir() or (self.program is not None and self.program.is_file())

    @property
    def handlers(self) -> tuple[str, ...]:
        """The files with handlers that may be run: those of the settings, and named ones. Raises CannotRun."""
        files = (file.relative_to(self.flows).as_posix() for file in self.files if file.suffix == HANDLER_SUFFIX)
        program = [str(self.program.absolute())] if self.program is not None else []
        return tuple(dict.fromkeys((*python_flows(), *files, *program)))

    def load_flow(self, name: str) -> LoadedProject:
        """Load a flow and what it needs, even if others have errors.

        Without such a flow, load the whole project. Raises CannotRun, FlowsHaveErrors.
        """
        is_whole = self.flows.is_dir() and not self.files and self.program is None
        texts = read_project(self.flows, self.templates)[0] if is_whole else {}
        file = named_flows(texts).get(name)
        if file is not None:
            loaded = replace(self, files=(Path(self.path_of(file)),)).load()
            if not loaded.has_errors and name in loaded.project.flows:
                return loaded
        return self.load_sound()

    def load_sound(self, env: Mapping[str, str] | None = None) -> LoadedProject:
        """The project must have no errors. Raises CannotRun, FlowsHaveErrors."""
        loaded = self.load(env)
        if loaded.has_errors:
            raise FlowsHaveErrors(loaded)
        return loaded

    def _read_files(self) -> tuple[dict[str, str], list[FlowIssue]]:
        """Read all templates of the project too. Raises CannotRun."""
        texts, issues = read_project(self.flows, self.templates)
        shown = {file: f"flows/{file.relative_to(self.flows).as_posix()}" for file in self.files}
        flows = {name: read_text(file) for file, name in shown.items()}
        beside = {name: text for name, text in texts.items() if name.startswith("flows/") and name not in flows}
        templates = {name: text for name, text in texts.items() if name.startswith("templates/")}
        faults = [issue for issue in issues if issue.place.file.startswith("templates/")]
        return _needed_by(flows, beside) | flows | templates, faults


@dataclass(frozen=True, slots=True)
class LoadedProject:
    """A loaded project. Issues and texts have paths that the user can open."""

    source: Source
    project: Project
    issues: tuple[FlowIssue, ...]
    texts: Mapping[str, str]

    @property
    def has_errors(self) -> bool:
        """Whether errors or an unreadable file prevent using the project."""
        return any(issue.is_error for issue in self.issues)


class FlowsHaveErrors(click.ClickException):
    """The flows have errors, printed to standard error; exits with 1. `ncco check` also warns."""

    exit_code = ISSUES

    def __init__(self, loaded: LoadedProject) -> None:
        errors = [issue for issue in loaded.issues if issue.is_error]
        super().__init__(report(errors, loaded.texts, "text", colour=True))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, nl=False, err=True, color=self.show_color)


def source_at(path: Path, templates: Path | None) -> Source:
    """The path is a project's folder, its flows folder, or a flow file. Raises CannotRun."""
    if not path.exists():
        raise CannotRun(f"{path} does not exist", "name a project folder, a folder of flow files, or a flow file")
    if path.is_dir():
        flows, beside = project_folders(path)
        return Source(flows, templates or beside)
    if path.suffix.lower() not in FLOW_FILES:
        cure = "name the flow file (.yaml or .py) that uses it, or the project's folder"
        raise CannotRun(f"{path} is not a flow file", cure)
    if path.suffix == HANDLER_SUFFIX and not _is_in_flows(path):
        return Source.here(path, templates)
    return Source(path.parent, templates or project_folders(path.parent)[1], (path,))


def _is_in_flows(path: Path) -> bool:
    here = folders(None, None)[0].resolve()
    return any(folder == here or folder.name == "flows" for folder in path.resolve().parents)


def source_of(what: str | None, flows: Path | None, templates: Path | None) -> tuple[Source, str]:
    """The project and the flow that an argument names, "" for a whole project. Raises CannotRun."""
    here = Source.here(flows, templates)
    path = Path(what or "")
    if not what or flows is not None or not (path.exists() or path.suffix.lower() in FLOW_FILES or "/" in what):
        return here, what or ""
    # A flow may have the same name as a folder.
    texts = read_project(here.flows, here.templates)[0] if "/" not in what and here.flows.is_dir() else {}
    return (here, what) if what in named_flows(texts) else (source_at(path, templates), "")


def flow_named(name: str, flows: Mapping[str, Flow]) -> Flow:
    """Raise CannotRun."""
    if name not in flows:
        raise CannotRun(f'there is no flow "{name}"', near_or_all(name, flows))
    return flows[name]


def flow_of_file(loaded: LoadedProject) -> str:
    """Return the flow of the file that the user named; "" if they named the whole project."""
    named = [*loaded.source.files] if loaded.source.program is None else [loaded.source.program]
    flows = [each for each in loaded.project.flows.values() if [Path(loaded.source.path_of(each.place.file))] == named]
    return min(flows, key=lambda each: (not each.default, each.place.line)).name if flows else ""


def _needed_by(texts: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """The shared parts and flows that the flows in `texts` need.

    Users then see no issues of files that they did not ask about.
    """
    file_of_flow = named_flows(others)
    own = named_flows(texts)
    parts = others.keys() - file_of_flow.values()
    needed = {path: text for path, text in others.items() if path in parts and _SHARED.search(text)}
    unread = list(texts.items())
    while unread:
        file, text = unread.pop()
        for run in (_QUOTED if file.endswith(HANDLER_SUFFIX) else _RUN).finditer(text):
            path = file_of_flow.get(run[1])
            if path is not None and path not in needed and run[1] not in own:
                needed[path] = others[path]
                unread.append((path, others[path]))
    return needed
