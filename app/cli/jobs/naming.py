"""What a word on the command line names: a flow of the project here, or a project, a folder of flows or a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.project import SUFFIXES, Findings, Source, find, find_source, show_errors
from app.cli.work import CannotRun
from app.flow.model import Flow
from app.ncco.suggest import nearest


def source_of(what: str | None, flows: Path | None, templates: Path | None) -> tuple[Source, str]:
    """The project, and the name of the flow; "" when none is named."""
    here = Source(*folders(flows, templates))
    if what is None:
        return here, ""
    path = Path(what)
    is_path = path.exists() or path.suffix.lower() in SUFFIXES or "/" in what
    if is_path and flows is None and not _is_flow_here(what, here):
        return find_source(path, templates), ""
    return here, what


def _is_flow_here(what: str, here: Source) -> bool:
    """Whether a name is that of a flow, although there is a folder of that name too."""
    if "/" in what or not here.flows.is_dir():
        return False
    return what in find(here, flow_variables()).project.flows


def flow_of_file(source: Source, found: Findings) -> str:
    """The flow of the one file that was named; "" when a whole project was."""
    if len(source.files) != 1:
        return ""
    place = f"flows/{source.files[0].name}"
    return next((flow.name for flow in found.project.flows.values() if flow.place.file == place), "")


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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The cure for a name that nothing has: the nearest of the names that are there, or all of them."""
    names = sorted(known)
    near = nearest(name, names)
    return f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
