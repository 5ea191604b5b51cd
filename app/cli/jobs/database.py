"""Finds the database of a server, for commands about it as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from app.cli.jobs.server_settings import server_settings
from app.cli.work import CannotRun
from app.errors import StoreError, StoreUnusable
from app.store import open_store
from app.store.contract import Store
from app.store.memory import MemoryStore
from app.store.retention import Retention
from app.store.schema import Schema, Versioned
from app.store.sqlite import SqliteStore


class Kept(Store, Retention, Versioned, Protocol):
    """A store that is there without a server."""


def find_kept() -> Kept:
    """The store that the settings name, which need not be there yet. Raises CannotRun."""
    settings = server_settings()
    store = open_store(settings.database_url)
    if isinstance(store, MemoryStore):
        message = f"{settings.database_url} keeps nothing outside of the server"
        raise CannotRun(message, "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db")
    return _kept(store)


def _kept(store: Store) -> Kept:
    assert isinstance(store, Versioned) and isinstance(store, Retention)  # noqa: S101 - every store but memory is
    kept: Kept = store
    return kept


def name_of(store: Kept) -> str:
    """Which database it is, for a person; without its password."""
    return str(store.path if isinstance(store, SqliteStore) else getattr(store, "label", "the database"))


def is_there(store: Kept) -> bool:
    """Whether there is anything to open; of a database at another host nobody knows before."""
    return not isinstance(store, SqliteStore) or Path(store.path).is_file()


async def schema_of(store: Kept) -> Schema:
    """Its schema. Raises CannotRun."""
    async with reaching():
        return await store.schema()


@asynccontextmanager
async def reaching() -> AsyncIterator[None]:
    """Let what is wrong with a store be CannotRun."""
    try:
        yield
    except StoreUnusable as error:
        raise CannotRun(f"the store cannot be used: {error.message}", error.cure) from error
    except StoreError as error:
        raise CannotRun(f"the store is not available: {error}", error.cure or "try it again in a moment") from error
