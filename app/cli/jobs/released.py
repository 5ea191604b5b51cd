"""The flows that were last good for a server on a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from app.errors import StoreError
from app.flow.model import Project
from app.service.library import RELEASED, project_of
from app.store import open_store


class Released(NamedTuple):
    """A project, and when it was taken over (UTC)."""

    project: Project
    at: datetime


async def last_released(database_url: str, read: Project) -> Released | None:
    """What a server on that database begins with when its flows have errors; None when nothing is there or readable.

    Writes nothing, and makes no file. `database_url` is one that the settings took; `read` are the flows on disk.
    """
    records = open_store(database_url).records()
    try:
        await records.open()
        try:
            row = await records.revision(RELEASED)
        finally:
            await records.close()
    except StoreError:
        return None
    project = None if row is None else project_of(row, read)
    if row is None or project is None:
        return None
    return Released(project, datetime.fromtimestamp(row.created_at / 1000, UTC))
