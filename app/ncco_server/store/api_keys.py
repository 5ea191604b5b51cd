"""API keys of the programs that may request calls. Only hashes of the keys are stored.

The table of keys is an addition to the schema (`ncco_server.store.migrations`).
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ncco_server.store.database import Database, Row, Work
from ncco_server.store.sql import Sql

API_KEYS_TABLE: Final = "ncco_api_keys"

_INSERT: Final = Sql(f"INSERT INTO {API_KEYS_TABLE} (hash, name, flows, created_at) VALUES ($1, $2, $3, $4)")
_SELECT: Final = Sql(f"SELECT name, flows, created_at FROM {API_KEYS_TABLE} WHERE hash = $1")
_SELECT_ALL: Final = Sql(f"SELECT name, flows, created_at FROM {API_KEYS_TABLE} ORDER BY name, created_at")
_DELETE: Final = Sql(f"DELETE FROM {API_KEYS_TABLE} WHERE name = $1 RETURNING hash")
_DELETE_OLD: Final = Sql(f"""
    DELETE FROM {API_KEYS_TABLE}
    WHERE name = $1 AND created_at < (SELECT max(created_at) FROM {API_KEYS_TABLE} WHERE name = $1)
    RETURNING hash
""")


class ApiKeyRow(NamedTuple):
    """A key: its name, the flows that it may place calls with, and when it was created (milliseconds since 1970)."""

    name: str
    flows: tuple[str, ...]
    created_at: int


class ApiKeys:
    """The API keys in an open database. Every method may raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: str, row: ApiKeyRow) -> None:
        """Store a new key. A name can have several keys: an old key works until it is removed."""
        await self._database.write(partial(_rows, _INSERT, _hash(key), row.name, ",".join(row.flows), row.created_at))

    async def find(self, key: str) -> ApiKeyRow | None:
        """Find a key; None if it does not exist. The lookup uses a hash, so the keys themselves are never compared."""
        rows = await self._database.read(_SELECT, _hash(key))
        return _row(rows[0]) if rows else None

    async def list(self) -> list[ApiKeyRow]:
        """All keys, sorted by name; the keys of one name are sorted from oldest to newest."""
        return list(map(_row, await self._database.read(_SELECT_ALL)))

    async def remove(self, name: str, *, keeps_newest: bool = False) -> int:
        """Remove all keys of a name, or all but the newest; returns how many."""
        return len(await self._database.write(partial(_rows, _DELETE_OLD if keeps_newest else _DELETE, name)))


def _row(row: Row) -> ApiKeyRow:
    return ApiKeyRow(row[0], tuple(row[1].split(",")), row[2])


def _rows(sql: Sql, *values: Any) -> Work[list[Row]]:
    return (yield sql, values)


def _hash(key: str) -> str:
    """A plain hash is enough, because a key is 32 random bytes."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()
