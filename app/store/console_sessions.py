"""Sessions of the console, in the database of the calls.

Their table belongs to no version of the schema, so that hosts of the previous version can be started on it again.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from app.store.database import Database, Work

CONSOLE_TABLE: Final = "ncco_console_sessions"

CREATE: Final = f"""
    CREATE TABLE IF NOT EXISTS {CONSOLE_TABLE} (
        hash       text   NOT NULL PRIMARY KEY,
        credential text   NOT NULL,
        created_at bigint NOT NULL,
        used_at    bigint NOT NULL
    )
"""

INSERT: Final = f"""
    INSERT INTO {CONSOLE_TABLE} (hash, credential, created_at, used_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (hash) DO NOTHING
"""

SELECT: Final = f"SELECT hash, credential, created_at, used_at FROM {CONSOLE_TABLE} WHERE hash = $1"

TOUCH: Final = f"UPDATE {CONSOLE_TABLE} SET used_at = $2 WHERE hash = $1"

DELETE: Final = f"DELETE FROM {CONSOLE_TABLE} WHERE hash = $1"

REDEEM: Final = f"DELETE FROM {CONSOLE_TABLE} WHERE hash = $1 AND credential = $2 AND created_at > $3 RETURNING hash"

SWEEP: Final = f"DELETE FROM {CONSOLE_TABLE} WHERE created_at <= $1 OR used_at <= $2"


class ConsoleSessionRow(NamedTuple):
    """A session of the console, or a link that opens one.

    Attributes:
        hash: SHA-256 of its id in hexadecimal digits; the id is known to the browser alone.
        credential: what it was opened with. Who may do what with it is decided when it is used.
        created_at, used_at: milliseconds since 1970.
    """

    hash: str
    credential: str
    created_at: int
    used_at: int


class ConsoleSessions:
    """Sessions in a database that is open. Every method may raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Make the table, unless it exists."""
        await self._database.write(_create)

    async def find(self, hash_: str) -> ConsoleSessionRow | None:
        """The session or link with this hash, or None."""
        rows = await self._database.read(SELECT, hash_)
        return ConsoleSessionRow(*rows[0]) if rows else None

    async def add(self, row: ConsoleSessionRow) -> None:
        """Write it. One with the same hash stays as it is."""
        await self._database.write(partial(_run, INSERT, *row))

    async def touch(self, hash_: str, now: int) -> None:
        """Note that it is used `now`."""
        await self._database.write(partial(_run, TOUCH, hash_, now))

    async def delete(self, hash_: str) -> None:
        """Delete it, if it exists."""
        await self._database.write(partial(_run, DELETE, hash_))

    async def redeem(self, hash_: str, credential: str, after: int, session: ConsoleSessionRow) -> bool:
        """Replace a link that was made after `after` by a session; False when there is no such link."""
        return await self._database.write(partial(_redeem, hash_, credential, after, session))

    async def sweep(self, created_until: int, used_until: int) -> None:
        """Delete what was created or used last at these times or earlier."""
        await self._database.write(partial(_run, SWEEP, created_until, used_until))


def _create() -> Work[None]:
    yield CREATE, ()


def _run(sql: str, *values: object) -> Work[None]:
    yield sql, values


def _redeem(hash_: str, credential: str, after: int, session: ConsoleSessionRow) -> Work[bool]:
    if not (yield REDEEM, (hash_, credential, after)):
        return False
    yield INSERT, session
    return True
