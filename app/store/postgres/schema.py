"""Bring a PostgreSQL database to the newest schema, also when several hosts start at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.errors import StoreUnusable
from app.store.postgres.connecting import transaction
from app.store.postgres.migrations import MIGRATIONS, Migration

if TYPE_CHECKING:
    from app.store.postgres.connecting import Connection

VERSION_TABLE: Final = "ncco_schema"
"""Where a database says its schema."""

LOCK: Final = 7_093_221_054_881
"""The advisory lock under which a schema is changed; a number that nobody else uses."""

_OURS: Final = ("calls", "turns", "webhooks", "revisions", "probes", "hooks")

VERSIONS: Final = tuple(migration.version for migration in MIGRATIONS)
"""Oldest first."""

_FIND: Final = "SELECT to_regclass($1) IS NOT NULL"


async def found_schema(connection: Connection, label: str) -> str:
    """The schema that the database says it has, "" when it is empty. Raises StoreUnusable for one that is not ours."""
    schema = await _version(connection)
    if schema == "":
        for table in _OURS:
            if await connection.fetchval(_FIND, table):
                cure = "name an empty database in NCCO_DATABASE_URL, or give its user a search_path of its own"
                raise StoreUnusable(f"{label} has a table {table} of another program", cure)
    if schema not in ("", *VERSIONS):
        cure = "start the newer version again that made it, or name another database in NCCO_DATABASE_URL"
        raise StoreUnusable(f"{label} has schema {schema}, and this version knows none after {VERSIONS[-1]}", cure)
    return schema


async def migrate(connection: Connection, label: str) -> list[str]:
    """Run the migrations that the database lacks, all of them or none; returns their versions.

    Of hosts that come at once one migrates, and the others find the work done. Raises StoreUnusable.
    """
    if not _missing(await found_schema(connection, label)):
        return []
    async with transaction(connection):
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        missing = _missing(await found_schema(connection, label))
        for migration in missing:
            await _run(connection, migration)
    return [migration.version for migration in missing]


def _missing(schema: str) -> list[Migration]:
    return [migration for migration in MIGRATIONS if migration.version > schema]


async def _version(connection: Connection) -> str:
    if not await connection.fetchval(_FIND, VERSION_TABLE):
        return ""
    return str(await connection.fetchval(f"SELECT max(version_num) FROM {VERSION_TABLE}") or "")  # noqa: S608 - a constant


async def _run(connection: Connection, migration: Migration) -> None:
    await connection.execute(f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version_num text NOT NULL)")
    for statement in migration.statements:
        await connection.execute(statement)
    await connection.execute(f"DELETE FROM {VERSION_TABLE}")  # noqa: S608 - a constant
    await connection.execute(f"INSERT INTO {VERSION_TABLE} VALUES ($1)", migration.version)  # noqa: S608 - a constant
