"""The server's database, for commands that run beside the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final, ParamSpec

from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import CannotRun, NotFound
from ncco_server.store import Records, Store, Timeline, milliseconds, open_store

P = ParamSpec("P")

MOST_ALIKE: Final = 10
"""Calls that are listed for an ambiguous ID."""


def asynchronous(command: Callable[P, Coroutine[Any, Any, int]]) -> Callable[P, int]:
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        return asyncio.run(command(*args, **kwargs))

    return run


def now_ms() -> int:
    return milliseconds(datetime.now(UTC))


def find_database() -> Store:
    """The database may not exist yet. Raises CannotRun, SettingsError."""
    url = server_settings().database_url
    store = open_store(url)
    if not store.is_durable:
        cure = "have the server use a file: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise CannotRun(f"{url.partition(':')[0]}:// keeps calls in the server's memory only", cure)
    return store


def server_store() -> Store:
    """The database is not open yet. Raises the same errors as `require_file`."""
    database = find_database()
    require_file(database)
    return database


def require_file(database: Store) -> None:
    """Raise CannotRun if the database file does not exist."""
    if database.path is not None and not database.path.is_file():
        cure = "run the command in the server's folder, or set NCCO_DATABASE_URL to the server's database"
        raise CannotRun(f"there is no database at {database.label}", cure)


async def find_call(records: Records, name: str) -> Timeline:
    """Find the only call whose ID is `name` or starts with it. Raises NotFound."""
    found = await records.calls_like(name, MOST_ALIKE)
    if len(found) > 1:
        ids = ", ".join(call.session.id for call in found)
        raise NotFound(f'several calls start with "{name}": {ids}', "enter more of the ID")
    timeline = await records.timeline(found[0].session.id) if found else None
    if timeline is None:
        raise NotFound(f'there is no call "{name}"', "`ncco calls` lists the newest")
    return timeline
