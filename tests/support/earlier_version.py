"""Databases of the earlier version, with calls in progress (tests/system/server/databases)."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

from ncco_server.store import Store, open_store
from tests.support import postgres_server
from tests.support.postgres_stores import make_postgres

FOLDER: Final = Path(__file__).parents[1] / "system" / "server" / "databases"


def old_sqlite(path: Path) -> Store:
    """Write its file; the store is not open."""
    path.write_bytes(gzip.decompress((FOLDER / "sqlite-0.3" / "ncco.db.gz").read_bytes()))
    return open_store(f"sqlite:///{path}")


def old_postgres() -> Store:
    """Put it into the database that the tests of this process share; the store is not open."""
    store = bare_postgres()
    run_in_postgres(gzip.decompress((FOLDER / "postgres-0.3" / "ncco.sql.gz").read_bytes()).decode())
    return store


def bare_postgres() -> Store:
    """The shared database without any table."""
    store = make_postgres()
    run_in_postgres("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return store


def run_in_postgres(script: str) -> None:
    postgres_server.shared_server().run(script, database=postgres_server.shared_database())
