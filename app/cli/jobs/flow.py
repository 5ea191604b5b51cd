"""A flow that a command names: it has to be there, and to have no errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import click

from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.project import Findings, Source, find
from app.cli.terminal import takes_colour
from app.cli.work import CannotRun
from app.flow.model import Flow
from app.flow.report import report
from app.ncco.suggest import nearest


def loaded_flows(name: str | None, flows: Path | None, templates: Path | None) -> tuple[Flow, ...] | None:
    """The flow of that name, else every flow, by name.

    None when it cannot be played; the errors of the project are printed then. Raises CannotRun when there is no such
    flow.
    """
    found = find(Source(*folders(flows, templates)), flow_variables())
    known = found.project.flows
    if name is not None and name in known:
        return (known[name],)
    if found.has_errors and (name is None or _is_written(name, found)):
        show_errors(found)
        return None
    if name is not None:
        raise CannotRun(f'there is no flow "{name}"', did_you_mean(name, known))
    return tuple(known[each] for each in sorted(known))


def _is_written(name: str, found: Findings) -> bool:
    """Whether a file begins a flow of that name, whatever its faults."""
    begins = re.compile(rf"^flow:\s*[\"']?{re.escape(name)}[\"']?\s*(?:#|$)", re.MULTILINE)
    return any(begins.search(text) for text in found.texts.values())


def show_errors(found: Findings) -> None:
    """The errors of a project, on standard error."""
    errors = [issue for issue in found.issues if issue.is_error]
    click.echo(report(errors, found.texts, "text", takes_colour()), nl=False, err=True, color=takes_colour())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of the names that are there, or all of them."""
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
