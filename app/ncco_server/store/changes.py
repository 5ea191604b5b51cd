"""What people changed in the console: who, when, what, and the request that takes it back."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from ncco_server.store.database import InDatabase, Work, in_one_transaction
from ncco_server.store.sql import CHANGES_TABLE, Sql

AFTER_ALL: Final = "~"
"""Sorts after every ID."""


class ChangeRow(NamedTuple):
    """A change; times are milliseconds.

    Attributes:
        said: what was done, as a sentence.
        address: the page that shows it, or "".
        details: JSON; see `ncco_studio.console.history`.
        undo: JSON of the request that takes it back; "" without one.
        expires_at: when it is deleted although newer than others that are kept; None for never.
    """

    id: str
    changed_at: int
    changed_by: str
    said: str
    address: str
    details: str
    undo: str
    expires_at: int | None = None


_INSERT: Final = Sql.insert(CHANGES_TABLE, ChangeRow._fields)
_SELECT: Final = f"""
    SELECT {", ".join(ChangeRow._fields)} FROM {CHANGES_TABLE} WHERE (expires_at IS NULL OR expires_at > $1)
"""
SELECT: Final = Sql(f"{_SELECT} AND id = $2")
SELECT_PAGE: Final = Sql(f"{_SELECT} AND id < $2 ORDER BY id DESC LIMIT $3")
SELECT_TEXTS: Final = Sql(f"""
    SELECT id, said, address, details, undo FROM {CHANGES_TABLE} WHERE id > $1 ORDER BY id LIMIT $2
""")
DELETE: Final = Sql(f"DELETE FROM {CHANGES_TABLE} WHERE id = $1 RETURNING id")
DELETE_OLD: Final = Sql(f"DELETE FROM {CHANGES_TABLE} WHERE id < $1")
DELETE_EXPIRED: Final = Sql(f"DELETE FROM {CHANGES_TABLE} WHERE expires_at <= $1")


def new_id(now: int) -> str:
    return first_id(now) + secrets.token_hex(8)


def first_id(now: int) -> str:
    """Every ID of an earlier millisecond is less."""
    return f"{now:012x}"


class Changes(InDatabase):
    """The changes in an open database. `now` is in milliseconds."""

    @in_one_transaction
    def add(self, row: ChangeRow) -> Work[None]:
        yield _INSERT, row

    async def get(self, id_: str, now: int) -> ChangeRow | None:
        return await self.one(ChangeRow._make, SELECT, now, id_)

    async def list(self, limit: int, now: int, before: str = AFTER_ALL) -> list[ChangeRow]:
        """The newest first."""
        return await self.all(ChangeRow._make, SELECT_PAGE, now, before, limit)
