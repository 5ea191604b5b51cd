"""The project that was last good, as the store keeps it for a server that starts on one with errors."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import orjson

from app.flow.loader import load
from app.flow.model import Project
from app.store import RevisionRow

RELEASED: Final = "released"
"""Its key among the revisions; those of flows are 64 hex digits."""


def released_row(project: Project, now: datetime) -> RevisionRow:
    """The row that keeps it; `now` is aware."""
    return RevisionRow(RELEASED, "", orjson.dumps(_sources(project)), int(now.timestamp() * 1000))


def project_of(row: RevisionRow, read: Project) -> Project | None:
    """The project of a row; None when this version of the server finds errors in it, or no flow.

    When `read` has the same sources and no errors, it is the project: loading a large project again takes seconds.
    """
    sources = orjson.loads(row.sources)
    project = read if not read.has_errors and sources == _sources(read) else load(sources)
    return None if project.has_errors or not project.flows else project


def _sources(project: Project) -> dict[str, str]:
    sources: dict[str, str] = {}
    for flow in project.flows.values():
        sources |= flow.sources
    return sources
