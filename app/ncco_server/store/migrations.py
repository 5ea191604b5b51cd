"""The tables of SQLite and PostgreSQL, version by version. A released version never changes.

It removes nothing that the previous one needs. A server refuses an unknown version, but ignores additions, which have a
version of their own (docs/decisions.md).
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
from ncco_server.store.sql import ADDITIONS_TABLE, RETENTION_TABLE, TABLES, VERSION_TABLE, Dialect, Sql

FIRST_READABLE: Final = "0015"
"""The additions that commands need before the database is migrated."""

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

INSERT_RETENTION: Final = Sql(f"INSERT INTO {RETENTION_TABLE} (days) VALUES (90)")


class Migration(NamedTuple):
    """The statements that turn the previous version into this one."""

    version: str
    statements: tuple[Sql, ...]


def _read_migrations(name: str, dialect: Dialect) -> tuple[Migration, ...]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- version (\d+)\n", text, flags=re.MULTILINE)
    return tuple(
        Migration(
            version, tuple(Sql(each) for each in map(str.strip, statements.split(";\n")) if _is_for(dialect, each))
        )
        for version, statements in zip(parts[::2], parts[1::2], strict=True)
    )


def _is_for(dialect: Dialect, statement: str) -> bool:
    return bool(statement) and (dialect == "postgres" or not statement.startswith("-- only in PostgreSQL\n"))


MIGRATIONS: Final[dict[Dialect, tuple[Migration, ...]]] = {
    "sqlite": _read_migrations("sqlite.sql", "sqlite"),
    "postgres": _read_migrations("postgres.sql", "postgres"),
}
ADDITIONS: Final[dict[Dialect, tuple[Migration, ...]]] = {
    "sqlite": _read_migrations("additions.sql", "sqlite"),
    "postgres": _read_migrations("additions.sql", "postgres"),
}


def find_schema(dialect: Dialect, label: str) -> Work[Schema]:
    """Raise StoreUnusable for a newer version or another program's database."""
    tables = {row[0] for row in (yield LIST_TABLES, ())}
    found = yield from _version(VERSION_TABLE, tables)
    added = yield from _version(ADDITIONS_TABLE, tables)
    versions = tuple(migration.version for migration in MIGRATIONS[dialect])
    if found == "" and (others := sorted(tables - {VERSION_TABLE})):
        cure = "name an empty database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} belongs to another program: it has a table {others[0]}", cure)
    if found not in ("", *versions):
        cure = "start the newer version that created it, or name another database in NCCO_DATABASE_URL"
        raise StoreUnusable(
            f"{label} has schema {found}, but this version knows only versions up to {versions[-1]}", cure
        )
    missing = tuple(version for version in versions if version > found)
    additions = tuple(addition.version for addition in ADDITIONS[dialect] if addition.version > added)
    return Schema(found, versions[-1], missing, additions)


def _version(table: str, tables: Collection[str]) -> Work[str]:
    rows = (yield Sql(f"SELECT max(version_num) FROM {table}"), ()) if table in tables else []
    return str(rows[0][0] or "") if rows else ""


def upgrade(dialect: Dialect, label: str) -> Work[None]:
    """Create missing tables and columns. The transaction must keep other writers out. Raises StoreUnusable."""
    schema = yield from find_schema(dialect, label)
    if schema.missing:
        yield from _run(MIGRATIONS[dialect], schema.missing, VERSION_TABLE)
    if not schema.found:
        yield Sql(f"CREATE TABLE {RETENTION_TABLE} (days bigint NOT NULL)"), ()
        yield INSERT_RETENTION, ()
    if schema.additions:
        yield from _run(ADDITIONS[dialect], schema.additions, ADDITIONS_TABLE)


def is_complete(dialect: Dialect, label: str) -> Work[bool]:
    schema = yield from find_schema(dialect, label)
    return schema.is_complete


def _run(migrations: tuple[Migration, ...], missing: tuple[str, ...], version_table: str) -> Work[None]:
    yield Sql(f"CREATE TABLE IF NOT EXISTS {version_table} (version_num text NOT NULL)"), ()
    for migration in migrations:
        if migration.version in missing:
            for statement in migration.statements:
                yield statement, ()
    yield Sql(f"DELETE FROM {version_table}"), ()
    yield Sql(f"INSERT INTO {version_table} (version_num) VALUES ($1)"), (missing[-1],)


def require_readable(schema: Schema, label: str) -> None:
    """Raise StoreUnusable if the database is empty or must be migrated first."""
    if not schema.found:
        raise StoreUnusable(f"{label} is empty", "name the server's database in NCCO_DATABASE_URL, or start the server")
    if schema.missing or FIRST_READABLE in schema.additions:
        raise StoreUnusable(f"{label} has the old schema {schema.found}", "run `ncco db upgrade`")


def probe() -> Work[None]:
    """Write a row and delete it: the commit shows whether the database is writable and can grow."""
    yield INSERT_PROBE, (PROBE,)
    yield DELETE_PROBES, ()
