"""Databases of the earlier version are migrated to the newest one without losing anything."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ncco_server.errors import StoreUnusable
from ncco_server.store import Schema, Store, open_store
from ncco_server.store.migrations import ADDITIONS, KNOWN
from tests.support import postgres_server
from tests.support.earlier_version import bare_postgres, old_postgres, old_sqlite
from tests.support.postgres_stores import ask

OLD: dict[str, Callable[[Path], Store]] = {"sqlite": old_sqlite, "postgres": lambda _: old_postgres()}
BARE: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda path: open_store(f"sqlite:///{path}"),
    "postgres": lambda _: bare_postgres(),
}
VERSIONS = tuple(each.version for each in ADDITIONS["sqlite"])
FIRST, NEWEST = VERSIONS[0], VERSIONS[-1]
GONE = {"ncco_result_progress", "ncco_retention", "tells"}
"""Tables and a column that nothing uses any more."""

of_each = pytest.mark.parametrize("kind", OLD)


@of_each
async def test_the_schema_is_shown_before_and_after_and_changes_only_on_opening(kind: str, tmp_path: Path) -> None:
    store = OLD[kind](tmp_path / "calls.db")
    before = [await store.schema(), await store.schema()]
    async with store:
        pass

    assert [Schema(FIRST, NEWEST, VERSIONS[1:])] * 2 == before
    assert Schema(NEWEST, NEWEST) == await store.schema()


@of_each
async def test_a_missing_store_has_no_schema_and_asking_does_not_create_one(kind: str, tmp_path: Path) -> None:
    store = BARE[kind](tmp_path / "calls.db")

    assert [Schema("", NEWEST, VERSIONS)] * 2 == [await store.schema(), await store.schema()]
    assert [] == list(tmp_path.iterdir())  # noqa: ASYNC240 - nothing else runs in this loop


@of_each
async def test_an_upgraded_database_has_the_columns_of_a_new_one(kind: str, tmp_path: Path) -> None:
    found = []
    for make, name in ((BARE[kind], "new.db"), (OLD[kind], "old.db")):
        async with make(tmp_path / name):
            found.append(columns(kind, tmp_path / name))
    new, old = found

    assert new == {(table, column) for table, column in old if GONE.isdisjoint((table, column))}


def columns(kind: str, path: Path) -> set[tuple[object, ...]]:
    if kind == "postgres":
        return set(ask("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"))
    listed = "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'"
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute(listed))


@of_each
@pytest.mark.parametrize("makers", [OLD, BARE], ids=["old", "bare"])
async def test_hosts_that_start_at_once_migrate_once(
    makers: dict[str, Callable[[Path], Store]], kind: str, tmp_path: Path
) -> None:
    first = makers[kind](tmp_path / "calls.db")
    url = f"sqlite:///{first.path}" if first.path else shared_url()
    stores = [first, *(open_store(url) for _ in range(5))]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))

    assert Schema(NEWEST, NEWEST) == await first.schema()


def shared_url() -> str:
    return postgres_server.shared_server().url(postgres_server.shared_database())


# PostgreSQL only


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE ncco_schema SET version_num = '9999'", f"9999 with {FIRST}"),
        ("UPDATE ncco_schema SET version_num = '0001'", f"0001 with {FIRST}"),
        ("UPDATE ncco_additions SET version_num = '0001'", f"{KNOWN['postgres']} with 0001"),
        ("DROP TABLE ncco_additions", f"{KNOWN['postgres']} with nothing more"),
    ],
)
async def test_tables_of_another_version_are_refused_and_left_unchanged(change: str, said: str) -> None:
    store = old_postgres()
    ask(change)
    before = columns("postgres", Path())

    with pytest.raises(StoreUnusable, match=f"has tables of another version, {said}") as refused:
        await store.open()
    with pytest.raises(StoreUnusable, match=said):
        await store.schema()

    assert "start the version that created it" in refused.value.cure
    assert before == columns("postgres", Path())


async def test_additions_of_a_later_version_are_ignored() -> None:
    store = old_postgres()
    async with store:
        pass
    ask("UPDATE ncco_additions SET version_num = '9999'")
    async with store:
        pass

    assert Schema("9999", NEWEST) == await store.schema()


async def test_tables_of_another_program_are_not_touched() -> None:
    store = bare_postgres()
    ask("CREATE TABLE turns (whose text)")

    with pytest.raises(StoreUnusable, match="belongs to another program: it has a table turns"):
        await store.open()

    assert [(None,)] == ask("SELECT to_regclass('calls')")


async def test_migration_that_fails_changes_nothing() -> None:
    store = bare_postgres()
    ask("CREATE VIEW due_hooks AS SELECT 1")

    with pytest.raises(Exception, match="due_hooks"):
        await store.open()

    assert [(None,)] * 2 == ask("SELECT to_regclass(name) FROM unnest('{calls,ncco_schema}'::text[]) AS name")

    ask("DROP VIEW due_hooks")
    async with store:
        pass

    assert Schema(NEWEST, NEWEST) == await store.schema()
