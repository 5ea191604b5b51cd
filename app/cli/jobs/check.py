"""`ncco check`: loads projects and reports every issue at the path that the caller can open."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.project import Findings, Source, find, find_source, gather
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES
from app.flow.report import Format, report


def run(paths: tuple[Path, ...], flows: Path | None, templates: Path | None, form: Format) -> int:
    """Print the issues of the named projects, else of the one that the settings name. FINE when none is an error.

    Raises CannotRun.
    """
    with _without_collector():
        code, shown = check_once(sources(paths, flows, templates), form)
        click.echo(shown, nl=False, color=takes_colour())
    return code


def sources(paths: Sequence[Path], flows: Path | None, templates: Path | None) -> tuple[Source, ...]:
    """What is meant. Raises CannotRun."""
    return gather([find_source(path, templates) for path in paths] or [Source(*folders(flows, templates))])


def check_once(meant: Sequence[Source], form: Format) -> tuple[int, str]:
    """The code to end with, and what to print of all of them. Raises CannotRun."""
    findings = [find(source, flow_variables()) for source in meant]
    issues = [issue for found in findings for issue in found.issues]
    texts = {name: text for found in findings for name, text in found.texts.items()}
    shown = report(issues, texts, form, takes_colour())
    if form == "text" and not issues:
        shown = f"{_nothing_found(findings)}\n"
    return ISSUES if any(issue.is_error for issue in issues) else FINE, shown


@contextmanager
def _without_collector() -> Iterator[None]:
    """No search for circles of garbage: everything that is loaded is kept, and the process ends soon.

    It takes a third of the time of a large project, and what is frozen is not searched when Python ends either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _nothing_found(findings: list[Findings]) -> str:
    files = len({name for found in findings for name in found.texts})
    flows = sum(len(found.project.flows) for found in findings)
    return f"no issues: {counted(flows, 'flow')} in {counted(files, 'file')}"
