"""Stores when the last backup was made."""

from __future__ import annotations

from typing import Final, NamedTuple

from ncco_server.store.database import InDatabase, Work, in_one_transaction
from ncco_server.store.sql import BACKUPS_TABLE, Sql

DELETE: Final = Sql(f"DELETE FROM {BACKUPS_TABLE}")
INSERT: Final = Sql(f"INSERT INTO {BACKUPS_TABLE} (made_at, bytes) VALUES ($1, $2)")
SELECT: Final = Sql(f"SELECT made_at, bytes FROM {BACKUPS_TABLE}")
SELECT_FIRST_REVISION: Final = Sql("SELECT min(created_at) FROM revisions")


class BackupRow(NamedTuple):
    """The last backup: the time of its data, and the size of its file."""

    made_at: int
    bytes: int


class Backups(InDatabase):
    """The last backup in an open database."""

    async def last(self) -> BackupRow | None:
        return await self.one(BackupRow._make, SELECT)

    async def first_data_at(self) -> int | None:
        """Return when the oldest revision of a flow was stored; no call is older."""
        rows = await self.read(SELECT_FIRST_REVISION)
        created_at: int | None = rows[0][0]
        return created_at

    @in_one_transaction
    def add(self, row: BackupRow) -> Work[None]:
        yield DELETE, ()
        yield INSERT, row
