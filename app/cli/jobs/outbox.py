"""Opens the database of a server, beside it, for commands about hooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from app.cli.work import CannotRun
from app.errors import SettingsError, StoreError, StoreUnusable
from app.settings import load_settings
from app.store import open_store
from app.store.contract import Outbox
from app.store.sqlite import SqliteStore

_CURE: Final = "run it in the server's folder, or set NCCO_DATABASE_URL to the server's database"


def find_store() -> SqliteStore:
    """The server's database, which is there. Raises CannotRun."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise CannotRun(str(error), error.cure) from error
    store = open_store(settings.database_url)
    if not isinstance(store, SqliteStore):
        message = f"{settings.database_url} keeps nothing outside of the server"
        raise CannotRun(message, "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db")
    if not Path(store.path).is_file():
        raise CannotRun(f"there is no database at {store.path}", _CURE)
    return store


@asynccontextmanager
async def opened(store: SqliteStore) -> AsyncIterator[Outbox]:
    """The store while it is open. Raises CannotRun, also when it cannot be read or written meanwhile."""
    try:
        await store.open()
        try:
            yield store
        finally:
            await store.close()
    except StoreUnusable as error:
        raise CannotRun(f"the store cannot be used: {error.message}", error.cure) from error
    except StoreError as error:
        raise CannotRun(f"the store is not available: {error}", "try it again in a moment") from error
