"""The SQL of the store: none reads a whole table, on either database; and texts that PostgreSQL cannot store."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.store import SqliteDatabase, Store, open_store, records, retention, store
from ncco_server.store.postgres_text import loaded_text, stored_text
from ncco_server.store.sqlite_file import in_sqlite
from tests.support.cases import each_case
from tests.support.postgres_stores import empty_database

BY_KEY = {
    name: sql
    for module in (store, retention)
    for name, sql in vars(module).items()
    if name.isupper()
    and not name.startswith("_")
    and isinstance(sql, str)
    and " WHERE " in f" {' '.join(sql.split())} "
    and "$" in sql
}
BY_KEY["COUNT_OPEN"] = records.COUNT_OPEN
FEW_ROWS = ("SELECT_OLD_REVISIONS", "DELETE_REVISION", "RETRY_HOOKS", "SELECT_HOOKS_OF_SESSION")
"""What they search is small, and no caller waits for it."""
ANY_ROW = ("INSERT_CALL_IF_NONE_FORGOTTEN",)
"""They ask whether a table has any row: SQLite calls that a scan, and reads one."""


@each_case("name", sorted(BY_KEY.keys() - set(FEW_ROWS + ANY_ROW)))
async def test_no_statement_reads_a_whole_table_in_sqlite(name: str, tmp_path: Path) -> None:
    store = Store(SqliteDatabase(tmp_path / "calls.db"))
    await store.open()
    await store.close()
    sql = in_sqlite(BY_KEY[name])
    connection = sqlite3.connect(tmp_path / "calls.db")
    values = [None] * max(map(int, re.findall(r"\?(\d+)", sql)))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    connection.close()

    assert [] == [step[3] for step in plan if "SCAN" in step[3] and "CONSTANT ROW" not in step[3]]


@each_case("name", sorted(BY_KEY.keys() - set(FEW_ROWS)))
async def test_no_statement_needs_to_read_a_whole_table_in_postgresql(name: str) -> None:
    url, sql = empty_database(), BY_KEY[name]
    store = open_store(url)
    await store.open()
    await store.close()
    connection = await asyncpg.connect(url)
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    prepared = await connection.prepare(sql)
    nulls = ", ".join(["NULL"] * len(prepared.get_parameters()))
    await connection.execute(f"PREPARE asked AS {sql}")
    plan = [row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked({nulls})")]
    await connection.close()

    assert [] == [line for line in plan if "Seq Scan" in line]


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\0\x1a01\ud800")))
def test_text_that_is_unicode_comes_back_and_holds_no_nul(text: str) -> None:
    kept = stored_text(text)

    assert "\0" not in kept
    assert text == loaded_text(kept) or "\ud800" in text
