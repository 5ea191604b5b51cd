"""The SQL of the store: both databases can plan every statement; and texts that PostgreSQL cannot store."""

from __future__ import annotations

import pkgutil
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from ncco_server import store as store_package
from ncco_server.store import RowChange, SqliteDatabase, Store, open_store
from ncco_server.store.database import Database, Work
from ncco_server.store.postgres_copy import loaded_text, stored_text
from ncco_server.store.sql import TABLES as ALL_TABLES
from ncco_server.store.sql import ListSql, Sql
from ncco_server.store.table_rows import CHANGED_SIZE, TableRows, write_together
from tests.support.cases import each_case
from tests.support.postgres_stores import database_without_tables, make_postgres

TABLES: Final = "|".join((*ALL_TABLES, "attempt"))
SMALL: Final = "ncco_api_keys|ncco_backups|ncco_forgotten|ncco_function_results|probes|revisions|sqlite_master"
"""Tables of few rows."""
FEW_ROWS: Final = "ncco_attempts_under_way|ncco_recordings_(new|failed|removable)|ncco_results_uncounted"
"""Indexes of few rows."""
READ_ALL: Final = (
    *("RETRY_HOOKS", "DROP_HOOKS", "SELECT_HOOKS", "COUNT_HOOKS", "SELECT_HOOKS_OF_SESSION"),
    "_COUNT",  # of placed calls
    *("RETRY", "SELECT_KEPT"),  # of recordings
)
"""Statements that read a whole table. What they search is small, or only commands and upkeep run them."""


def statements() -> Iterator[tuple[str, Sql]]:
    """All statements in the modules of the store, by the names of a module and a constant."""
    for module in pkgutil.iter_modules(store_package.__path__):
        for name, value in vars(import_module(f"{store_package.__name__}.{module.name}")).items():
            if isinstance(value, Sql | ListSql):
                yield f"{module.name}.{name}", value.of(2) if isinstance(value, ListSql) else value
            elif isinstance(value, tuple):
                own = ((number, each) for number, each in enumerate(value) if isinstance(each, Sql))
                yield from ((f"{module.name}.{name}.{number}", each) for number, each in own)


STATEMENTS: Final = dict(statements())


async def test_sqlite_can_plan_every_statement_and_none_reads_a_whole_table(tmp_path: Path) -> None:
    async with Store(SqliteDatabase(tmp_path / "calls.db")):
        pass
    whole = {}
    with closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
        for name, sql in STATEMENTS.items():
            values = [None] * len(set(re.findall(r"\?\d+", sql.sqlite)))
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql.sqlite}", values)]
            may_scan = rf"{SMALL}|\w+ USING (COVERING )?INDEX ({'.*' if 'LIMIT' in sql.sqlite else FEW_ROWS})"
            whole[name] = [each for each in steps if re.match(rf"SCAN (?!({may_scan})\b)({TABLES})\b", each)]

    assert_only_few_read_all(whole)


async def test_postgresql_can_plan_every_statement_and_none_needs_to_read_a_whole_table() -> None:
    url = database_without_tables()
    async with open_store(url):
        pass
    connection = await asyncpg.connect(url)
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    whole = {}
    for name, sql in STATEMENTS.items():
        prepared = await connection.prepare(sql.postgres)
        nulls = ", ".join(["NULL"] * len(prepared.get_parameters()))
        await connection.execute(f"PREPARE asked AS {sql.postgres}")
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked{f'({nulls})' if nulls else ''}")]
        await connection.execute("DEALLOCATE asked")
        whole[name] = [line for line in plan if re.search(rf"Seq Scan on (?!{SMALL})", line)]
    await connection.close()

    assert_only_few_read_all(whole)


def assert_only_few_read_all(whole: dict[str, list[str]]) -> None:
    assert len(STATEMENTS) > 150
    assert {} == {name: steps for name, steps in whole.items() if steps and name.partition(".")[2] not in READ_ALL}


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\0\x1a01\ud800")))
def test_unicode_text_is_read_back_without_nul_characters(text: str) -> None:
    kept = stored_text(text)

    assert "\0" not in kept
    assert text == loaded_text(kept) or "\ud800" in text


SYNCHRONOUS: Final = Sql("SHOW synchronous_commit", sqlite="PRAGMA synchronous")


def statements_of(changes: list[RowChange]) -> int:
    """How many are sent to write the rows to an empty table."""
    work = write_together(changes, 0, "a test")
    next(work)
    sent = 1
    try:
        while True:
            work.send([])
            sent += 1
    except StopIteration:
        return sent


@each_case("is_removal", [False, True])
def test_a_batch_takes_as_many_statements_as_a_row(*, is_removal: bool) -> None:
    names = [f'people["{447_000_000_000 + number}"]' for number in range(CHANGED_SIZE)]
    changes = [RowChange(name, {} if is_removal else {"calls": 1}, is_removal=is_removal) for name in names]
    assert statements_of(changes[:1]) == statements_of(changes)
    assert statements_of(changes) <= 4


class NotedLevels:
    """Notes how each write of a database gets to the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.levels: list[object] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def write(self, work: Callable[[], Work[Any]], *keys: Any, **options: Any) -> Any:
        def noted() -> Work[Any]:
            ((level,),) = yield SYNCHRONOUS, ()
            self.levels.append(level)
            return (yield from work())

        return self._database.write(noted, *keys, **options)


@each_case("kind", ["sqlite", "postgres"])
async def test_only_the_end_of_a_long_change_waits_for_the_disk(kind: str, tmp_path: Path) -> None:
    no, yes = (1, 2) if kind == "sqlite" else ("off", "on")
    store = Store(SqliteDatabase(tmp_path / "calls.db")) if kind == "sqlite" else make_postgres(tmp_path)
    changes = [RowChange(f'people["{447_000_000_000 + number}"]', {}) for number in range(2 * CHANGED_SIZE + 1)]
    async with store:
        noted = NotedLevels(store.database)
        rows = TableRows(cast("Database", noted))
        await rows.change_many(changes, 0, "a test")
        await rows.change_together(changes[:1], 1, "a test")
        await rows.change_many(changes[:1], 2, "a test")
        assert len(changes) == len(await rows.of_table("people", limit=len(changes) + 1))
    assert [no, no, yes, yes, yes] == noted.levels
