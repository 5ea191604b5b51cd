"""The rows of the tables that flow files declare: read in a turn, and changed by its transaction.

All rows are in one table of the database, by their names (`ncco_server.table_rows`). A change locks the row, reads it
and writes it back, so that no other change is lost. A turn changes its rows in the order of their names, and a group of
turns locks these names first, so that no two transactions wait for each other.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from ncco_server.errors import RowChanged, RowTaken
from ncco_server.store.database import Database, Keyed, Row, Work, give_way
from ncco_server.store.sql import Sql
from ncco_server.store.tables import ROWS_TABLE
from ncco_server.table_rows import RowChange, table_of

PIECE: Final = 500
"""Rows per read."""
CHANGED_SIZE: Final = 200
"""Rows that a bulk write changes in one transaction."""

SEARCHED: Final = 2_000
"""Rows per read of a search."""
LONGEST_PATTERN: Final = 200
"""Number of characters of a text that the database compares. SQLite's limit is 50,000."""

_UNSEARCHABLE: Final = re.compile(r'["%_\\]|[^ -~]')
_COLUMNS: Final = "name, columns, version, changed_at, changed_by, expires_at"

# A row that has expired is only deleted by the next sweep.
SELECT_ROW: Final = Sql(f"""
    SELECT name, columns FROM {ROWS_TABLE} WHERE name = $1 AND (expires_at IS NULL OR expires_at > $2)
""")

SELECT_ROW_WITH_VERSION: Final = Sql(f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE} WHERE name = $1 AND (expires_at IS NULL OR expires_at > $2)
""")

LOCK_ROW: Final = Sql(f"""
    SELECT name, columns, expires_at, version FROM {ROWS_TABLE} WHERE name = $1
""").locking("FOR UPDATE")

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

# Ignores the case of ASCII letters; with C as its locale, PostgreSQL does not know other ones either.
SELECT_ROWS_LIKE: Final = Sql(
    f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE}
    WHERE name > $1 AND name < $2 AND (name ILIKE $4 OR columns ILIKE $4) ORDER BY name LIMIT $3
    """,
    sqlite=f"""
    SELECT {_COLUMNS} FROM {ROWS_TABLE}
    WHERE name > $1 AND name < $2 AND (name LIKE $4 OR columns LIKE $4) ORDER BY name LIMIT $3
    """,
)

SELECT_ALL_ROWS: Final = Sql(f"SELECT name, columns FROM {ROWS_TABLE} WHERE name > $1 ORDER BY name LIMIT $2")


class TableRow(NamedTuple):
    """A stored row.

    Attributes:
        name: see `ncco_server.table_rows`.
        columns: the values, as JSON values; columns without a value are missing.
        version: how often it has been changed, from 1.
        changed_at: milliseconds since 1970.
        changed_by: `call` and the call's ID, or who else has changed it.
        expires_at: when it counts as removed, in milliseconds since 1970; None for never.
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
        """Up to `limit` rows of a table in the order of their names, after the row `after`; expired ones too."""
        found = await self.database.read(SELECT_ROWS, max(f"{table}[", after), f"{table}\\", limit)
        return list(map(_row, found))

    async def search(self, table: str, text: str, after: str = "") -> AsyncIterator[TableRow]:
        """Yield the rows of a table, after the row `after`, whose key or columns contain a text, whatever its case.

        Expired rows too, and those that contain it in a sensitive column.
        """
        written = json.dumps(text, ensure_ascii=False)[1:-1].lower()
        limit = SEARCHED if text else PIECE
        pattern = f"%{_UNSEARCHABLE.sub('%', text[:LONGEST_PATTERN])}%"
        while found := await self.database.read(
            SELECT_ROWS_LIKE, max(f"{table}[", after), f"{table}\\", limit, pattern
        ):
            for row in found:
                after = row[0]
                if written in f"{after}{row[1]}".lower():
                    yield _row(row)

    async def row(self, name: str, now: int) -> TableRow | None:
        """A row with its version; None if there is none, or if it expired before `now`."""
        rows = await self.database.read(SELECT_ROW_WITH_VERSION, name, now)
        return _row(rows[0]) if rows else None

    async def has_rows(self, table: str) -> bool:
        """Whether a table has any row."""
        return bool(await self.of_table(table, limit=1))

    async def change(
        self,
        changes: Sequence[RowChange],
        now: int,
        changed_by: str,
        versions: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Change rows in one transaction.

        Args:
            changes: what to change.
            now: milliseconds since 1970.
            changed_by: who changes them, for people.
            versions: the version that a row must still have, by its name; 0 for a row that must not exist.

        Raises RowTaken or RowChanged, and writes nothing, if a row is not as it must be.
        """

        def work() -> Work[None]:
            yield from _require(versions, now)
            taken = yield from claim(changes, now, changed_by)
            yield from write(changes, taken, now, changed_by)

        await self.database.write(work, names_of(changes))

    async def change_many(self, changes: Sequence[RowChange], now: int, changed_by: str) -> None:
        """Make any number of changes in several transactions, so that callers can use the store meanwhile."""
        for start in range(0, len(changes), CHANGED_SIZE):
            began = time.monotonic()
            await self.change(changes[start : start + CHANGED_SIZE], now, changed_by)
            await give_way(began)


def _require(versions: Mapping[str, int], now: int) -> Work[None]:
    """Lock rows, in the order of their names. Raises RowChanged if one has another version."""
    for name in sorted(versions):
        found = yield Keyed(LOCK_ROW, (name,))
        is_there = bool(found) and not (found[0][2] is not None and found[0][2] <= now)
        if (found[0][3] if is_there else 0) != versions[name]:
            raise RowChanged(table_of(name))


def _row(row: Row) -> TableRow:
    name, columns, *others = row
    return TableRow(name, orjson.loads(columns), *others)


def names_of(changes: Iterable[RowChange]) -> tuple[str, ...]:
    """The names of the changed rows, sorted."""
    return tuple(sorted({change.row for change in changes}))


def claim(changes: Sequence[RowChange], now: int, changed_by: str) -> Work[tuple[str, ...]]:
    """Write the rows that must be new, before anything else is written; returns their names.

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
    """Write the other changes of a turn, row by row in the order of their names."""
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
        ((_, columns, expires_at, _),) = yield Keyed(LOCK_ROW, (row,))
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
