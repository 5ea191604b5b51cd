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
    sources: dict[str, str] = {}
    for flow in project.flows.values():
        sources |= flow.sources
    return RevisionRow(RELEASED, "", orjson.dumps(sources), int(now.timestamp() * 1000))


def project_of(row: RevisionRow) -> Project | None:
    """The project of a row; None when this version of the server finds errors in it, or no flow."""
    project = load(orjson.loads(row.sources))
    return None if project.has_errors or not project.flows else project
