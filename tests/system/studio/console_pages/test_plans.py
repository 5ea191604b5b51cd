"""No page of the console needs to read a whole table of calls, turns, webhooks or results, on either database."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
import pytest

from benchmarks.load.history import fill
from benchmarks.load.serving import ROOT
from benchmarks.pages import deep_pages, pages
from ncco_server.service.overview import Overview
from ncco_server.store import SqliteDatabase, Store, open_store
from ncco_server.store.database import Database, Read, Row
from ncco_server.store.sql import Sql
from ncco_studio.console.app import create_console
from tests.support.postgres_stores import empty_database
from tests.unit.studio.console.conftest import logged_in, settings_for

CALLS: Final = 2_000
TABLE: Final = "(calls|turns|webhooks|ncco_results)"
OTHER_PAGES: Final = (
    "/calls.csv?state=missed",
    "/calls.csv?q=447",
    "/report.csv?days=28",
    "/flows/frontdesk/painted",
    "/messages",
    "/health",
    "/calls/placed",
)
URLS: Final[dict[str, Callable[[Path], str]]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/calls.db",
    "postgresql": lambda _: empty_database(),
}


Queries: TypeAlias = dict[str, tuple[object, ...]]
"""Queries as the database ran them, each with its last values."""


class WatchedDatabase:
    """A database that remembers the queries that it has run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.queries: Queries = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        self._remember(sql, values)
        return await self._database.read(sql, *values)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Read]:
        async with self._database.reading() as read:

            async def watched(sql: Sql, *values: object) -> list[Row]:
                self._remember(sql, values)
                return await read(sql, *values)

            yield watched

    def _remember(self, sql: Sql, values: tuple[object, ...]) -> None:
        self.queries[sql.sqlite if isinstance(self._database, SqliteDatabase) else sql.postgres] = values


async def queries_of(url: str, calls: int, numbers: list[str]) -> Queries:
    """All queries of the pages, each with values."""
    settings = settings_for(ROOT, database_url=url, flows=ROOT / "benchmarks" / "flows", key="k" * 64)
    app = create_console(settings, dev=True)
    console = app.state.console
    database = WatchedDatabase(console.store.database)
    console.store = Store(database)
    console.overview = Overview(console.store)
    found = [each.address for each in (*pages(numbers), *deep_pages(calls))]
    async with console.records() as records:
        (call,) = await records.calls(1)
    async with await logged_in(app) as client:
        for address in (*found, *OTHER_PAGES, f"/calls/{call.session.id}"):
            response = await client.get(address)
            assert 200 == response.status_code, (address, response.text)
        for address in ("/home", "/calls"):
            await client.get(address, headers={"HX-Request": "true", "X-Unattended": "true"})
    await console.close()
    return database.queries


WALKS: Final = ("WHERE true ORDER BY", "substr(party", "sum(changed_at)")
"""Parts of queries that read the newest calls, one after the other, until they have found enough."""
PARTIAL: Final = "ncco_results_(uncounted|by_own|failed|returned)|open_calls"
"""Indexes of few rows, which may be read completely."""


def whole_tables_in_sqlite(path: Path, sql: str, values: tuple[object, ...]) -> list[str]:
    """The steps of SQLite's plan that read a whole table."""
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    if "LIMIT" in sql and any(part in sql for part in WALKS) and not any("TEMP B-TREE" in step for step in plan):
        return []
    return [step for step in plan if re.match(rf"SCAN {TABLE}\b(?!.* INDEX ({PARTIAL}))", step)]


async def whole_tables_in_postgres(url: str, queries: Queries) -> dict[str, list[str]]:
    """The steps of PostgreSQL's plans that read a whole table, by statement."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET enable_seqscan = off")  # otherwise it reads small tables completely
    found = {}
    for sql, values in queries.items():
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values)]
        found[sql] = [step for step in plan if re.search(rf"Seq Scan on {TABLE}\b", step)]
    await connection.close()
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", URLS)
async def test_no_page_reads_a_whole_table_of_calls(database: str, tmp_path: Path) -> None:
    url = URLS[database](tmp_path)
    store = open_store(url)
    await store.open()
    await store.close()
    numbers = await asyncio.to_thread(fill, url, CALLS, tmp_path)
    queries = await queries_of(url, CALLS, numbers)

    if database == "sqlite":
        found = {sql: whole_tables_in_sqlite(tmp_path / "calls.db", sql, values) for sql, values in queries.items()}
    else:
        found = await whole_tables_in_postgres(url, queries)

    assert len(queries) > 20
    assert {} == {sql: steps for sql, steps in found.items() if steps}
