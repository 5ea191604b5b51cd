"""The database of a server, for commands that work beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import click

from app.cli.environment import server_settings
from app.cli.output import CannotRun
from app.errors import StoreError, StoreUnusable
from app.flow.report import printable
from app.store import Records, Store, Timeline, open_store

T = TypeVar("T")

MOST_ALIKE: Final = 10
"""How many calls are named when an id is ambiguous."""


def find_database() -> Store:
    """The database that the settings name; it need not exist yet. Raises CannotRun."""
    url = server_settings().database_url
    store = open_store(url)
    if not store.is_durable:
        cure = "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise CannotRun(f"{url.partition(':')[0]}:// stores nothing outside of the server", cure)
    return store


def existing_database() -> Store:
    """The database that the settings name. Raises CannotRun when it is a file that does not exist."""
    database = find_database()
    if database.path is not None and not database.path.is_file():
        cure = "run it in the server's folder, or set NCCO_DATABASE_URL to the server's database"
        raise CannotRun(f"there is no database at {database.label}", cure)
    return database


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """What comes of some work on the database that the settings name.

    Raises CannotRun, also when the database becomes unavailable meanwhile.
    """
    database = existing_database()

    async def run() -> T:
        async with reporting_faults():
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

    return asyncio.run(run())


@asynccontextmanager
async def opened_records(database: Store) -> AsyncIterator[Records]:
    """The recorded calls while they are open for reading. Raises CannotRun, as `with_store` does."""
    records = database.records()
    async with reporting_faults():
        await records.open()
        try:
            yield records
        finally:
            await records.close()


@asynccontextmanager
async def reporting_faults() -> AsyncIterator[None]:
    """Raise CannotRun for what is wrong with a store."""
    try:
        yield
    except StoreUnusable as error:
        raise CannotRun(f"the store cannot be used: {error.message}", error.cure) from error
    except StoreError as error:
        raise CannotRun(f"the store is not available: {error}", error.cure or "try it again in a moment") from error


async def find_call(records: Records, name: str) -> Timeline | None:
    """The call whose id is `name` or starts with it; None when there is not exactly one, which is printed."""
    found = await records.calls_like(name, MOST_ALIKE)
    if len(found) == 1:
        return await records.timeline(found[0].session.id)
    if not found:
        click.echo(f'there is no call "{printable(name)}"\n  cure: `ncco calls` lists the newest', err=True)
    else:
        ids = ", ".join(printable(call.session.id) for call in found)
        click.echo(f'several calls begin with "{printable(name)}": {ids}', err=True)
    return None
