"""Opens the database of a server for reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.cli.jobs.server_settings import server_settings
from app.cli.work import CannotRun
from app.errors import StoreError, StoreUnusable
from app.store import Records, open_store


def find_records() -> Records:
    """What reads the server's database. Raises CannotRun when nothing of it can be read from outside."""
    settings = server_settings()
    store = open_store(settings.database_url)
    if not store.is_durable:
        message = f"{settings.database_url.partition(':')[0]}:// keeps nothing that could be read beside the server"
        raise CannotRun(message, "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db")
    return store.records()


@asynccontextmanager
async def reading(records: Records) -> AsyncIterator[Records]:
    """The records while they are open. Raises CannotRun, also when they cannot be read meanwhile."""
    try:
        await records.open()
        try:
            yield records
        finally:
            await records.close()
    except StoreUnusable as error:
        raise CannotRun(error.message, error.cure) from error
    except StoreError as error:
        cure = error.cure or "try it again in a moment"
        raise CannotRun(f"the database cannot be read now: {error}", cure) from error
