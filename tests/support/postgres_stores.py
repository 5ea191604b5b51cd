"""Stores on PostgreSQL for tests, each in an empty database."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
from tests.support import postgres_server


def make_postgres(folder: Path | None = None) -> Store:
    """A store in the empty database that the tests of this process share; skips the test without a server."""
    return open_store(empty_database())


def empty_database() -> str:
    """The URL of the shared database, emptied."""
    require_postgres()
    postgres_server.empty()
    return postgres_server.shared_server().url(postgres_server.shared_database())


def database_without_tables() -> str:
    """The URL of a new database. In the shared one, an earlier test may have left the tables of an older version."""
    require_postgres()
    server = postgres_server.shared_server()
    return server.url(server.new_database())


def require_postgres() -> None:
    """Skip the test if there is no PostgreSQL."""
    if reason := postgres_server.why_not():
        pytest.skip(reason)


def ask(sql: str, *values: object) -> list[tuple[object, ...]]:
    """Run a statement like another program in the shared database."""
    return postgres_server.shared_server().ask(sql, *values, database=postgres_server.shared_database())
