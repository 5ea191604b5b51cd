"""What a word on the command line names: a flow of the project here, or a project, a folder of flows or a file."""

from __future__ import annotations

from pathlib import Path

from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.project import SUFFIXES, Findings, Source, find, find_source


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
