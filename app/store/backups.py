"""Stores when the last backup was made."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from app.store.database import Database, Work

BACKUPS_TABLE: Final = "ncco_backups"

DELETE: Final = f"DELETE FROM {BACKUPS_TABLE}"
INSERT: Final = f"INSERT INTO {BACKUPS_TABLE} (made_at, bytes) VALUES ($1, $2)"
SELECT: Final = f"SELECT made_at, bytes FROM {BACKUPS_TABLE}"


class BackupRow(NamedTuple):
    """A backup: the time of its data in milliseconds since 1970, and the size of its file in bytes."""

    made_at: int
    bytes: int


class Backups:
    """Stores the last backup in an open database. Every method may raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self) -> BackupRow | None:
        """The last backup; None if none was recorded."""
        rows = await self._database.read(SELECT)
        return BackupRow(*rows[0]) if rows else None

    async def add(self, row: BackupRow) -> None:
        """Record a backup."""
        await self._database.write(partial(_add, row))


def _add(row: BackupRow) -> Work[None]:
    yield DELETE, ()
    yield INSERT, row
