"""The database of a server, for commands that work beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from app.cli.environment import server_settings
from app.cli.output import ISSUES, CannotRun
from app.store import Records, Store, Timeline, open_store

T = TypeVar("T")
S = TypeVar("S", Store, Records)

MOST_ALIKE: Final = 10
"""How many calls are named when an id is ambiguous."""


def find_database() -> Store:
    """The database that the settings name; it need not exist yet. Raises CannotRun, SettingsError."""
    url = server_settings().database_url
    store = open_store(url)
    if not store.is_durable:
        cure = "let the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise CannotRun(f"{url.partition(':')[0]}:// stores nothing outside of the server", cure)
    return store


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """The result of `work` on the database that the settings name; raises as `require_file`, and StoreError."""
    database = find_database()
    require_file(database)
    return _opened_for(database, work)


def with_records(work: Callable[[Records], Awaitable[T]]) -> T:
    """The result of `work` on the recorded calls of that database, which is only read. Raises CannotRun, StoreError."""
    return _opened_for(find_database().records(), work)


def require_file(database: Store) -> None:
    """Raises CannotRun when a database is a file that does not exist."""
    if database.path is not None and not database.path.is_file():
        cure = "run it in the server's folder, or set NCCO_DATABASE_URL to the server's database"
        raise CannotRun(f"there is no database at {database.label}", cure)


def _opened_for(source: S, work: Callable[[S], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(source):
            return await work(source)

    return asyncio.run(run())


@asynccontextmanager
async def opened(source: S) -> AsyncIterator[S]:
    """A database, or its recorded calls, while it is open. Raises StoreError."""
    await source.open()
    try:
        yield source
    finally:
        await source.close()


class NoSuchCall(CannotRun):
    """There is not exactly one call whose id begins like that; ends with 1."""

    exit_code = ISSUES


async def find_call(records: Records, name: str) -> Timeline:
    """The call whose id is `name` or starts with it. Raises NoSuchCall when there is not exactly one."""
    found = await records.calls_like(name, MOST_ALIKE)
    if len(found) > 1:
        ids = ", ".join(call.session.id for call in found)
        raise NoSuchCall(f'several calls begin with "{name}": {ids}', "write more of its id")
    timeline = await records.timeline(found[0].session.id) if found else None
    if timeline is None:
        raise NoSuchCall(f'there is no call "{name}"', "`ncco calls` lists the newest")
    return timeline
