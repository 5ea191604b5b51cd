"""Databases of earlier versions with calls in them are migrated to the newest version without losing anything."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.errors import StoreUnusable
from ncco_server.store import Schema, Store, open_store
from ncco_server.store.migrations import ADDITIONS, MIGRATIONS
from tests.support import postgres_server
from tests.support.postgres_stores import ask, make_postgres
from tests.support.stored_rows import end_call, hook_row, new_call, revision_row, session_row, turn_row, webhook_row

SAMPLES = Path(__file__).parents[3] / "samples" / "store"
WHOLE = Path(__file__).parents[3] / "system" / "server" / "databases"


def old_sqlite(folder: Path, sample: str = "sqlite-0001.sql") -> Store:
    with sqlite3.connect(folder / "calls.db") as connection:
        connection.executescript((SAMPLES / sample).read_text("utf-8"))
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
    "sqlite": tuple(each.version for each in MIGRATIONS["sqlite"]),
    "postgres": tuple(each.version for each in MIGRATIONS["postgres"]),
}
ADDED = tuple(each.version for each in ADDITIONS["sqlite"])


@pytest_asyncio.fixture(params=OLD)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = OLD[request.param](tmp_path)
    yield made
    await made.close()


@pytest.mark.parametrize("kind", OLD)
async def test_the_schema_is_shown_before_and_after_and_changes_only_on_opening(kind: str, tmp_path: Path) -> None:
    store, known = OLD[kind](tmp_path), KNOWN[kind]
    before = [await store.schema(), await store.schema()]
    await store.open()
    await store.close()

    assert [Schema("0001", known[-1], known[1:], additions=ADDED)] * 2 == before
    assert Schema(known[-1], known[-1], ()) == await store.schema()


@pytest.mark.parametrize("kind", BARE)
async def test_a_missing_store_has_no_schema_and_asking_does_not_create_one(kind: str, tmp_path: Path) -> None:
    store, known = BARE[kind](tmp_path), KNOWN[kind]

    assert [Schema("", known[-1], known, additions=ADDED)] * 2 == [await store.schema(), await store.schema()]
    assert [] == list(tmp_path.iterdir())  # noqa: ASYNC240 - nothing else runs in this loop


async def test_calls_of_the_first_schema_are_kept(store: Store) -> None:
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


async def test_calls_of_the_first_schema_continue(store: Store) -> None:
    await store.open()
    call = await store.load("leg-1")
    assert call is not None
    moved = call._replace(version=3, state=b"{}")
    await store.advance(moved, turn_row("leg-1", 2), webhook_row("leg-1", 1, 0), hooks=[hook_row("h1")])
    await store.record(webhook_row("leg-1", 1, 0, "busy"), hooks=[hook_row("h2")])
    await store.open_call(*new_call("leg-9"))

    assert moved == await store.load("leg-1")
    assert ["h1"] == [hook.id for hook in await store.hooks.first(9)]
    assert 1 == await end_call(store, "leg-3", webhook_row("café 🂡"))
    assert 1 == await end_call(store, "leg-9", webhook_row("leg-9"))


@pytest.mark.parametrize("kind", OLD)
async def test_hosts_that_start_at_once_migrate_the_schema_once(kind: str, tmp_path: Path) -> None:
    first = OLD[kind](tmp_path)
    url = f"sqlite:///{first.path}" if first.path else empty_url()
    stores = [first, *(open_store(url) for _ in range(5))]
    await asyncio.gather(*(store.open() for store in stores))
    found = [await store.load("leg-1") for store in stores]
    await asyncio.gather(*(store.close() for store in stores))

    assert None not in found
    assert KNOWN[kind][-1] == (await first.schema()).found


@pytest.mark.parametrize("kind", BARE)
async def test_hosts_that_start_at_once_create_the_tables_once(kind: str, tmp_path: Path) -> None:
    first = BARE[kind](tmp_path)
    url = f"sqlite:///{first.path}" if first.path else empty_url()
    stores = [first, *(open_store(url) for _ in range(5))]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))

    assert (await first.schema()).is_complete


def empty_url() -> str:
    return postgres_server.shared_server().url(postgres_server.shared_database())


OWNERS = {
    "cli": ("cli", ""),
    "hook": ("hook", ""),
    "console": ("console", ""),
    "console Anna B": ("console", "Anna B"),
    "crm": ("api", "crm"),
}
"""How `owner` told the origin of a placed call before version 0009 of the additions, and what it becomes."""


@pytest.mark.parametrize("make", [bare_sqlite, bare_postgres])
async def test_an_owner_becomes_an_origin_and_a_name(make: Callable[[Path], Store], tmp_path: Path) -> None:
    store = make(tmp_path)
    async with store:
        pass
    columns = "id, key, digest, owner, batch, flow, number, params, chain, state, outcome, problem, tries, wanted_at"
    inserts = [
        f"INSERT INTO ncco_placed ({columns}, created_at, updated_at) "
        f"VALUES ('{owner}', '{owner}', '', '{owner}', '', 'f', '1', '', 0, 'over', '', '', 0, 0, 0, 0)"
        for owner in OWNERS
    ]
    (upgrade,) = [addition for addition in ADDITIONS["sqlite"] if addition.version == "0009"]
    statements = [statement.postgres for statement in upgrade.statements]
    script = ";".join(["ALTER TABLE ncco_placed DROP COLUMN origin", *inserts, *statements])
    if store.path is None:
        run_in_postgres(script)
    else:
        with sqlite3.connect(store.path) as connection:
            connection.executescript(script)
        connection.close()
    async with store:
        rows = await store.placed.list(99)

    assert OWNERS == {row.id: (row.origin, row.owner) for row in rows}


# PostgreSQL only


async def test_a_newer_schema_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    store = old_postgres(tmp_path)
    ask("UPDATE ncco_schema SET version_num = '9999'")

    with pytest.raises(StoreUnusable, match=r"has schema 9999, but this version knows only versions up to") as refused:
        await store.open()
    with pytest.raises(StoreUnusable, match="9999"):
        await store.schema()

    assert "start the newer version" in refused.value.cure
    assert [("9999",)] == ask("SELECT version_num FROM ncco_schema")


async def test_tables_of_another_program_are_not_touched(tmp_path: Path) -> None:
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
