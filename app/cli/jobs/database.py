"""Finds the database of a server, for commands about it as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.cli.jobs.server_settings import server_settings
from app.cli.work import CannotRun
from app.errors import StoreError, StoreUnusable
from app.store import Schema, Store, open_store


def find_kept() -> Store:
    """The store that the settings name, which need not be there yet. Raises CannotRun."""
    settings = server_settings()
    store = open_store(settings.database_url)
    if not store.is_durable:
        message = f"{settings.database_url} keeps nothing outside of the server"
        raise CannotRun(message, "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db")
    return store


def is_there(store: Store) -> bool:
    """Whether there is anything to open; of a database at another host nobody knows before."""
    return store.path is None or store.path.is_file()


async def schema_of(store: Store) -> Schema:
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
