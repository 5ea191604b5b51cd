"""API keys of programs that request calls, as plain hashes: enough for 32 random bytes."""

from __future__ import annotations

from typing import Final, NamedTuple

from ncco_server.store.database import InDatabase, Row, Work, in_one_transaction
from ncco_server.store.rows import hash_of
from ncco_server.store.sql import API_KEYS_TABLE, Sql

_COLUMNS: Final = ("name", "flows", "created_at", "tables")
_INSERT: Final = Sql.insert(API_KEYS_TABLE, ("hash", *_COLUMNS))
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM {API_KEYS_TABLE}"
_SELECT_KEY: Final = Sql(f"{_SELECT} WHERE hash = $1")
_SELECT_ALL: Final = Sql(f"{_SELECT} ORDER BY name, created_at")
_DELETE: Final = Sql(f"DELETE FROM {API_KEYS_TABLE} WHERE name = $1 RETURNING hash")
_DELETE_OLD: Final = Sql(f"""
    DELETE FROM {API_KEYS_TABLE}
    WHERE name = $1 AND created_at < (SELECT max(created_at) FROM {API_KEYS_TABLE} WHERE name = $1)
    RETURNING hash
""")


READ: Final = ":read"
"""Follows the name of a read-only table."""


class ApiKeyRow(NamedTuple):
    """A key, and the flows that it may place calls with."""

    name: str
    flows: tuple[str, ...]
    created_at: int
    tables: tuple[str, ...] = ()

    def may_change(self, table: str) -> bool:
        return table in self.tables

    def may_read(self, table: str) -> bool:
        return table in self.tables or table + READ in self.tables


class ApiKeys(InDatabase):
    """The API keys in an open database."""

    @in_one_transaction
    def add(self, key: str, row: ApiKeyRow) -> Work[None]:
        """A name can have several keys: an old key works until it is removed."""
        yield _INSERT, (hash_of(key), row.name, ",".join(row.flows), row.created_at, ",".join(row.tables))

    async def find(self, key: str) -> ApiKeyRow | None:
        return await self.one(_row, _SELECT_KEY, hash_of(key))

    async def list(self) -> list[ApiKeyRow]:
        return await self.all(_row, _SELECT_ALL)

    @in_one_transaction
    def remove(self, name: str, *, keeps_newest: bool = False) -> Work[int]:
        return len((yield _DELETE_OLD if keeps_newest else _DELETE, (name,)))


def _row(row: Row) -> ApiKeyRow:
    name, flows, created_at, tables = row
    return ApiKeyRow(name, tuple(filter(None, flows.split(","))), created_at, tuple(filter(None, tables.split(","))))
