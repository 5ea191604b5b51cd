"""The tables of SQLite and PostgreSQL, and what later versions add. A released version never changes.

An older server ignores what is added to its tables, so a rollback loses nothing. Tables that it could not use would get
another number in `ncco_schema`, which it refuses (docs/decisions.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from ncco_server.errors import StoreUnusable
from ncco_server.store.database import Work
from ncco_server.store.rows import Schema
from ncco_server.store.sql import ADDITIONS_TABLE, TABLES, VERSION_TABLE, Dialect, Sql

KNOWN: Final[dict[Dialect, str]] = {"sqlite": "0004", "postgres": "0003"}
"""What `ncco_schema` must say of the tables."""

PROBE: Final = hashlib.shake_256(b"probe").digest(16_384)
"""A row that fails on a full disk: larger than a page's free space, and incompressible."""

LIST_TABLES: Final = Sql(
    f"""
    SELECT name
    FROM unnest('{{{",".join(TABLES)}}}'::text[]) AS name
    JOIN pg_class ON pg_class.oid = to_regclass(name)
    """,
    sqlite="SELECT name FROM sqlite_master WHERE type = 'table'",
)
"""In PostgreSQL, pg_class shows the new tables to a connection that waited for another host's migration."""

INSERT_PROBE: Final = Sql("INSERT INTO probes (body) VALUES ($1)")

DELETE_PROBES: Final = Sql("DELETE FROM probes")


class Addition(NamedTuple):
    """The statements that turn the previous version into this one."""

    version: str
    statements: tuple[Sql, ...]


def _read_additions(dialect: Dialect) -> tuple[Addition, ...]:
    text = Path(__file__).with_name("schema.sql").read_text("utf-8")
    other = "PostgreSQL" if dialect == "sqlite" else "SQLite"
    text = re.sub(rf"^.* -- only in {other}\n", "", text, flags=re.MULTILINE)
    text = re.sub(r" -- only in \w+$", "", text, flags=re.MULTILINE)
    _, *parts = re.split(r"^-- version (\d+)\n", text, flags=re.MULTILINE)
    return tuple(
        Addition(version, tuple(Sql(statement) for each in text.split(";\n") if (statement := each.strip())))
        for version, text in zip(parts[::2], parts[1::2], strict=True)
    )


ADDITIONS: Final[dict[Dialect, tuple[Addition, ...]]] = {
    "sqlite": _read_additions("sqlite"),
    "postgres": _read_additions("postgres"),
}


def find_schema(dialect: Dialect, label: str) -> Work[Schema]:
    """Raise StoreUnusable for tables of another version or program."""
    tables = {row[0] for row in (yield LIST_TABLES, ())}
    known = yield from _version(VERSION_TABLE, tables)
    found = yield from _version(ADDITIONS_TABLE, tables)
    versions = [addition.version for addition in ADDITIONS[dialect]]
    if known == "" and (others := sorted(tables - {VERSION_TABLE})):
        cure = "name an empty database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} belongs to another program: it has a table {others[0]}", cure)
    if known and (known != KNOWN[dialect] or found < versions[0]):
        cure = "start the version that created it, or name another database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} has tables of another version, {known} with {found or 'nothing more'}", cure)
    return Schema(found, versions[-1], tuple(version for version in versions if version > found))


def _version(table: str, tables: Collection[str]) -> Work[str]:
    if table not in tables:
        return ""
    ((version,),) = yield Sql(f"SELECT max(version_num) FROM {table}"), ()
    return version or ""


def upgrade(dialect: Dialect, label: str) -> Work[None]:
    """Create missing tables and columns. The transaction must keep other writers out. Raises StoreUnusable."""
    schema = yield from find_schema(dialect, label)
    for addition in ADDITIONS[dialect]:
        if addition.version in schema.missing:
            for statement in addition.statements:
                yield statement, ()
    if schema.missing:
        yield from _write_version(VERSION_TABLE, KNOWN[dialect])
        yield from _write_version(ADDITIONS_TABLE, schema.newest)


def _write_version(table: str, version: str) -> Work[None]:
    yield Sql(f"CREATE TABLE IF NOT EXISTS {table} (version_num text NOT NULL)"), ()
    yield Sql(f"DELETE FROM {table}"), ()
    yield Sql(f"INSERT INTO {table} (version_num) VALUES ($1)"), (version,)


def require_tables(schema: Schema, label: str) -> None:
    """Raise StoreUnusable if the database is empty."""
    if not schema.found:
        raise StoreUnusable(f"{label} is empty", "name the server's database in NCCO_DATABASE_URL, or start the server")


def probe() -> Work[None]:
    """Write a row and delete it: the commit shows whether the database is writable and can grow."""
    yield INSERT_PROBE, (PROBE,)
    yield DELETE_PROBES, ()
