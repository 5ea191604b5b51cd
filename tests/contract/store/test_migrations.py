"""Databases of the first schema, with calls in them, become databases of the newest one; nothing of theirs is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from app.errors import StoreUnusable
from app.store import Schema, Store, open_store
from app.store.migrations import POSTGRES, SQLITE
from tests.contract.store import postgres_server
from tests.contract.store.postgres_stores import ask, make_postgres
from tests.contract.store.stored_rows import hook_row, new_call, revision_row, session_row, turn_row, webhook_row

SAMPLES = Path(__file__).parents[2] / "samples" / "store"


def old_sqlite(folder: Path) -> Store:
    with sqlite3.connect(folder / "calls.db") as connection:
        connection.executescript((SAMPLES / "sqlite-0001.sql").read_text("utf-8"))
    connection.close()
    return open_store(f"sqlite:///{folder}/calls.db")


def old_postgres(folder: Path) -> Store:
    store = bare_postgres(folder)
    run_in_postgres((SAMPLES / "postgres-0001.sql").read_text("utf-8"))
    return store


def bare_sqlite(folder: Path) -> Store:
    return open_store(f"sqlite:///{folder}/calls.db")


def bare_postgres(folder: Path) -> Store:
    store = make_postgres(folder)
    run_in_postgres("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return store


def run_in_postgres(script: str) -> None:
    postgres_server.shared_server().run(script, database=postgres_server.shared_database())


OLD: dict[str, Callable[[Path], Store]] = {"sqlite": old_sqlite, "postgres": old_postgres}
BARE: dict[str, Callable[[Path], Store]] = {"sqlite": bare_sqlite, "postgres": bare_postgres}
KNOWN = {
    "sqlite": tuple(each.version for each in SQLITE),
    "postgres": tuple(each.version for each in POSTGRES),
}


@pytest_asyncio.fixture(params=OLD)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = OLD[request.param](tmp_path)
    yield made
    await made.close()


@pytest.mark.parametrize("kind", OLD)
async def test_schema_is_told_before_and_after_and_changes_only_by_opening(kind: str, tmp_path: Path) -> None:
    store, known = OLD[kind](tmp_path), KNOWN[kind]
    before = [await store.schema(), await store.schema()]
    await store.open()
    await store.close()

    assert [Schema("0001", known[-1], known[1:])] * 2 == before
    assert Schema(known[-1], known[-1], ()) == await store.schema()


@pytest.mark.parametrize("kind", BARE)
async def test_store_that_is_not_there_has_no_schema_and_gets_none_by_asking(kind: str, tmp_path: Path) -> None:
    store, known = BARE[kind](tmp_path), KNOWN[kind]

    assert [Schema("", known[-1], known)] * 2 == [await store.schema(), await store.schema()]
    assert [] == list(tmp_path.iterdir())  # noqa: ASYNC240 - nothing else runs in this loop


@pytest.mark.parametrize("kind", BARE)
async def test_only_a_new_database_deletes_calls_by_default(kind: str, tmp_path: Path) -> None:
    old = OLD[kind](tmp_path)
    await old.open()
    await old.close()
    assert (await old.schema()).retention_days is None

    (tmp_path / "new").mkdir()
    new = BARE[kind](tmp_path / "new")
    await new.open()
    await new.close()
    assert 90 == (await new.schema()).retention_days


async def test_calls_of_the_first_schema_are_there(store: Store) -> None:
    await store.open()

    call = await store.load("leg-1")
    assert session_row("leg-1", version=2, state=b'{"step":"menu"}', updated_at=1_772_625_600_001) == call
    assert b'[{"action":"talk","text":"first"}]' == await store.reply("leg-1", -1, -1, "")
    assert b'[{"action":"talk","text":"second"}]' == await store.reply("leg-1", 0, 0, "")
    assert ((0, ""),) == await store.statuses("leg-1", 0)
    assert ((0, "busy"),) == await store.statuses("leg-1", 1)
    assert ["café 🂡"] == [row.id for row in await store.calls_of("leg-3")]
    assert [] == await store.calls_of("leg-2")
    assert revision_row(sources=b'{"flows/acme.yaml":"flow: acme"}') == await store.revision("c0ffee")


async def test_calls_of_the_first_schema_go_on(store: Store) -> None:
    await store.open()
    call = await store.load("leg-1")
    assert call is not None
    moved = call._replace(version=3, state=b"{}")
    await store.advance(moved, turn_row("leg-1", 2), webhook_row("leg-1", 1, 0), hooks=[hook_row("h1")])
    await store.record(webhook_row("leg-1", 1, 0, "busy"), hooks=[hook_row("h2")])
    await store.open_call(*new_call("leg-9"))

    assert moved == await store.load("leg-1")
    assert ["h1"] == [hook.id for hook in await store.hooks(9)]
    assert 1 == await store.end("leg-3", webhook_row("café 🂡"))
    assert 1 == await store.end("leg-9", webhook_row("leg-9"))


@pytest.mark.parametrize("kind", OLD)
async def test_hosts_that_start_at_once_bring_the_schema_up_once(kind: str, tmp_path: Path) -> None:
    first = OLD[kind](tmp_path)
    url = f"sqlite:///{first.path}" if first.path else empty_url()
    stores = [first, *(open_store(url) for _ in range(5))]
    await asyncio.gather(*(store.open() for store in stores))
    found = [await store.load("leg-1") for store in stores]
    await asyncio.gather(*(store.close() for store in stores))

    assert None not in found
    assert KNOWN[kind][-1] == (await first.schema()).found


def empty_url() -> str:
    return postgres_server.shared_server().url(postgres_server.shared_database())


# PostgreSQL alone


async def test_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store = old_postgres(tmp_path)
    ask("UPDATE ncco_schema SET version_num = '9999'")

    with pytest.raises(StoreUnusable, match=r"has schema 9999, and this version knows none after") as refused:
        await store.open()
    with pytest.raises(StoreUnusable, match="9999"):
        await store.schema()

    assert "start the newer version" in refused.value.cure
    assert [("9999",)] == ask("SELECT version_num FROM ncco_schema")


async def test_tables_of_another_program_are_left_alone(tmp_path: Path) -> None:
    store = bare_postgres(tmp_path)
    ask("CREATE TABLE turns (whose text)")

    with pytest.raises(StoreUnusable, match="belongs to another program: it has a table turns"):
        await store.open()

    assert [(None,)] == ask("SELECT to_regclass('calls')")


async def test_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = old_postgres(tmp_path)
    ask("CREATE VIEW due_hooks AS SELECT 1")

    with pytest.raises(Exception, match="due_hooks"):
        await store.open()

    assert [("0001",)] == ask("SELECT version_num FROM ncco_schema")
    assert [(None,)] == ask("SELECT to_regclass('hooks')")

    ask("DROP VIEW due_hooks")
    await store.open()
    await store.close()
