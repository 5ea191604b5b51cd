"""Opens the database of a server, beside it, for commands about what is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from app.cli.jobs.database import find_kept, is_there, reaching
from app.cli.work import CannotRun
from app.store import Store

_CURE: Final = "run it in the server's folder, or set NCCO_DATABASE_URL to the server's database"


def find_store() -> Store:
    """The server's database, which is there. Raises CannotRun."""
    store = find_kept()
    if not is_there(store):
        raise CannotRun(f"there is no database at {store.label}", _CURE)
    return store


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    """The store while it is open. Raises CannotRun, also when it cannot be read or written meanwhile."""
    async with reaching():
        await store.open()
        try:
            yield store
        finally:
            await store.close()
