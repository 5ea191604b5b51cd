"""Stores on PostgreSQL for tests, each in an empty database."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
from tests.support import postgres_server


def make_postgres(folder: Path | None = None) -> Store:
    """A store in the database that the tests of this process share, without a row; skips where no server is."""
    return open_store(empty_database())


def empty_database() -> str:
    """The URL of the shared database, emptied."""
    reason = postgres_server.why_not()
    if reason:
        pytest.skip(reason)
    postgres_server.empty()
    return postgres_server.shared_server().url(postgres_server.shared_database())


def ask(sql: str, *values: object) -> list[tuple[object, ...]]:
    """What another program reads or writes in the shared database."""
    return postgres_server.shared_server().ask(sql, *values, database=postgres_server.shared_database())
