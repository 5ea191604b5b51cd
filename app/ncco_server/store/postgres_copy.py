"""Copies the rows of a SQLite file to a PostgreSQL database. Only a few rows are in memory at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ncco_server.errors import StoreUnavailable
from ncco_server.store.copies import COPIED, IN_USE, columns_of, opened_copy

SUBSTITUTE: Final = "\x1a"
"""Starts an escape: `\\x1a0` stands for NUL, and `\\x1a1` for this character itself."""


def stored_text(text: str) -> str:
    """Escape NUL characters, and replace lone surrogates with backslash escapes."""
    if text.isascii() and "\0" not in text and SUBSTITUTE not in text:
        return text
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return kept.replace(SUBSTITUTE, f"{SUBSTITUTE}1").replace("\0", f"{SUBSTITUTE}0")


def loaded_text(text: str) -> str:
    """Undo `stored_text`, except for lone surrogates."""
    return text.replace(f"{SUBSTITUTE}0", "\0").replace(f"{SUBSTITUTE}1", SUBSTITUTE)


if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

ROWS: Final = 100

SELECT_COLUMNS: Final = """
    SELECT column_name, data_type = 'boolean', is_identity = 'YES'
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = $1
"""

# A running server always has a connection for its probes.
COUNT_OTHERS: Final = """
    SELECT count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name = current_setting('application_name')
"""


async def require_unused(connection: Connection, label: str) -> None:
    if others := await connection.fetchval(COUNT_OTHERS):
        raise StoreUnavailable(f"{label} is in use, by {others} connections", IN_USE)


async def copy_in(connection: Connection, path: Path) -> None:
    """Use the current transaction. Both must have the newest schema."""
    with opened_copy(path) as copy:
        columns = {table: await connection.fetch(SELECT_COLUMNS, table) for table in COPIED}
        await connection.execute(f"TRUNCATE {', '.join(COPIED)}")
        for table in COPIED:
            both = set(columns_of(copy, table))  # after a rollback, the database may have more
            names = [(name, is_boolean) for name, is_boolean, _ in columns[table] if name in both]
            await connection.copy_records_to_table(
                table, records=_rows(copy, table, names), columns=[name for name, _ in names]
            )
            for name in (name for name, _, is_identity in columns[table] if is_identity):
                sequence = f"pg_get_serial_sequence('{table}', '{name}')"
                await connection.execute(f"SELECT setval({sequence}, coalesce(max({name}), 0) + 1, false) FROM {table}")


async def _rows(
    copy: sqlite3.Connection, table: str, names: Sequence[tuple[str, bool]]
) -> AsyncIterator[tuple[object, ...]]:
    cursor = copy.execute(f"SELECT {', '.join(name for name, _ in names)} FROM {table}")
    while rows := cursor.fetchmany(ROWS):
        for row in rows:
            yield tuple(_value(value, is_boolean) for value, (_, is_boolean) in zip(row, names, strict=True))


def _value(value: object, is_boolean: bool) -> object:
    if isinstance(value, str):
        return stored_text(value)
    return bool(value) if is_boolean else value
