"""The rows of the tables that flow files declare: read in a turn, and changed by its transaction.

A change locks the row, reads it and writes it back. A turn changes its rows in the order of their names, and a group of
turns locks these names first, so that no two transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from ncco_server.errors import RowTaken
from ncco_server.store.database import Database, Keyed, Work
from ncco_server.store.sql import Sql
from ncco_server.store.tables import ROWS_TABLE
from ncco_server.table_rows import RowChange, table_of

PIECE: Final = 500

_COLUMNS: Final = "name, columns, version, changed_at, changed_by, expires_at"

# A row that has expired is only deleted by the next sweep.
SELECT_ROW: Final = Sql(f"""
    SELECT name, columns FROM {ROWS_TABLE} WHERE name = $1 AND (expires_at IS NULL OR expires_at > $2)
""")

LOCK_ROW: Final = Sql(f"SELECT name, columns, expires_at FROM {ROWS_TABLE} WHERE name = $1").locking("FOR UPDATE")

# An expired row counts as missing.
INSERT_NEW_ROW: Final = Sql(f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS})
    VALUES ($1, $2, 1, $3, $4, $5)
    ON CONFLICT (name) DO UPDATE
    SET columns = excluded.columns, version = {ROWS_TABLE}.version + 1, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, expires_at = excluded.expires_at
    WHERE {ROWS_TABLE}.expires_at <= excluded.changed_at
    RETURNING name
""")

INSERT_EMPTY_ROW: Final = Sql(f"""
    INSERT INTO {ROWS_TABLE} ({_COLUMNS}) VALUES ($1, '{{}}', 0, $2, '', NULL) ON CONFLICT (name) DO NOTHING
""")

UPDATE_ROW: Final = Sql(f"""
    UPDATE {ROWS_TABLE}
    SET columns = $2, version = version + 1, changed_at = $3, changed_by = $4, expires_at = $5
    WHERE name = $1
""")

DELETE_ROW: Final = Sql(f"DELETE FROM {ROWS_TABLE} WHERE name = $1")

# Rows that a turn is changing are left for the next sweep, which so never waits for a turn.
DELETE_EXPIRED: Final = Sql(
    f"""
    DELETE FROM {ROWS_TABLE}
    WHERE name IN (SELECT name FROM {ROWS_TABLE} WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING name
    """,
    sqlite=f"""
    DELETE FROM {ROWS_TABLE}
    WHERE name IN (SELECT name FROM {ROWS_TABLE} WHERE expires_at <= $1 LIMIT $2)
    RETURNING name
    """,
)

# The names of a table's rows begin with its name and `[`; `\` is the next character.
SELECT_ROWS: Final = Sql(f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE} WHERE name > $1 AND name < $2 ORDER BY name LIMIT $3
""")

SELECT_ALL_ROWS: Final = Sql(f"SELECT name, columns FROM {ROWS_TABLE} WHERE name > $1 ORDER BY name LIMIT $2")


class TableRow(NamedTuple):
    """A stored row. `columns` without a value are missing; `version` counts the changes from 1.

    `changed_by` is `call` and the call's ID, or who else has changed it. `expires_at` is when the row counts as removed
    (None: never). Times are milliseconds since 1970.
    """

    name: str
    columns: Mapping[str, Any]
    version: int
    changed_at: int
    changed_by: str
    expires_at: int | None


class TableRows:
    """The rows of all tables in an open database. Every method may raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, name: str, now: int) -> dict[str, Any] | None:
        """The columns of a row, as of the last commit; None if there is none, or if it expired before `now`."""
        rows = await self.database.read(SELECT_ROW, name, now)
        columns: dict[str, Any] | None = orjson.loads(rows[0][1]) if rows else None
        return columns

    async def of_table(self, table: str, after: str = "", limit: int = PIECE) -> list[TableRow]:
        """Up to `limit` rows in the order of their names, after the row `after`; expired ones too."""
        start = f"{table}["
        found = await self.database.read(SELECT_ROWS, max(start, after), f"{table}\\", limit)
        return [TableRow(name, orjson.loads(columns), *others) for name, columns, *others in found]

    async def has_rows(self, table: str) -> bool:
        return bool(await self.of_table(table, limit=1))

    async def change(self, changes: Sequence[RowChange], now: int, changed_by: str) -> None:
        """Change rows. Raises RowTaken, and writes nothing, if a row that must be new exists."""

        def work() -> Work[None]:
            taken = yield from claim(changes, now, changed_by)
            yield from write(changes, taken, now, changed_by)

        await self.database.write(work, names_of(changes))


def names_of(changes: Iterable[RowChange]) -> tuple[str, ...]:
    return tuple(sorted({change.row for change in changes}))


def claim(changes: Sequence[RowChange], now: int, changed_by: str) -> Work[tuple[str, ...]]:
    """Write the rows that must be new, before anything else is written; return their names.

    Raises RowTaken, after undoing what it has written, if one of them exists.
    """
    taken: list[str] = []
    for row in sorted({change.row for change in changes if change.is_new}):
        own = [change for change in changes if change.row == row]
        if not own[0].is_new:  # the turn itself has removed it before
            continue
        expires_at = now + own[0].keep_ms if own[0].keep_ms else None
        values = (row, orjson.dumps(own[0].apply(None)).decode(), now, changed_by, expires_at)
        if not (yield Keyed(INSERT_NEW_ROW, values)):
            yield from release(taken)
            raise RowTaken(table_of(row))
        taken.append(row)
    return tuple(taken)


def release(taken: Iterable[str]) -> Work[None]:
    """Delete rows that `claim` has written, because the rest of the turn is not written."""
    for row in taken:
        yield DELETE_ROW, (row,)


def write(changes: Sequence[RowChange], taken: Sequence[str], now: int, changed_by: str) -> Work[None]:
    """Write the other changes of a turn, in the order of the rows' names."""
    for row in names_of(changes):
        own = [change for change in changes if change.row == row]
        if row in taken:
            own = own[1:]
        if not own:
            continue
        if not any(not change.is_removal for change in own):
            yield DELETE_ROW, (row,)
            continue
        yield INSERT_EMPTY_ROW, (row, now)
        ((_, columns, expires_at),) = yield Keyed(LOCK_ROW, (row,))
        is_expired = expires_at is not None and expires_at <= now
        found: Mapping[str, Any] | None = None if is_expired else orjson.loads(columns)
        for change in own:
            found = change.apply(found)
        if found is None:
            yield DELETE_ROW, (row,)
        else:
            keep_ms = own[-1].keep_ms
            expires_at = now + keep_ms if keep_ms else None
            yield UPDATE_ROW, (row, orjson.dumps(found).decode(), now, changed_by, expires_at)


async def all_rows(database: Database) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the columns, as JSON, of each row of all tables."""
    name = ""
    while rows := await database.read(SELECT_ALL_ROWS, name, PIECE):
        for name, columns in rows:
            yield name, columns
