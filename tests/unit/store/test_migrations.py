"""Databases of earlier versions with calls in them are migrated to the newest version without losing anything."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.errors import StoreUnusable
from ncco_server.store import BackupRow, Backups, CallFilter, Schema, Store, open_store
from ncco_server.store.database import Work
from ncco_server.store.migrations import ADDITIONS, MIGRATIONS
from ncco_server.store.sql import Sql
from tests.support import postgres_server
from tests.support.postgres_stores import ask, make_postgres
from tests.support.stored_rows import end_call, hook_row, new_call, revision_row, session_row, turn_row, webhook_row

SAMPLES = Path(__file__).parents[2] / "samples" / "store"
WHOLE = Path(__file__).parents[2] / "system" / "databases"


def old_sqlite(folder: Path, sample: str = "sqlite-0001.sql") -> Store:
    with sqlite3.connect(folder / "calls.db") as connection:
        connection.executescript((SAMPLES / sample).read_text("utf-8"))
    connection.close()
    return open_store(f"sqlite:///{folder}/calls.db")


def sqlite_of_0_2(folder: Path) -> Store:
    shutil.copy(WHOLE / "sqlite-0.2" / "ncco.db", folder / "calls.db")
    return old_sqlite(folder, "more-of-0.2.sql")


def old_postgres(folder: Path) -> Store:
    store = bare_postgres(folder)
    run_in_postgres((SAMPLES / "postgres-0001.sql").read_text("utf-8"))
    return store


def postgres_of_0_2(folder: Path) -> Store:
    store = bare_postgres(folder)
    run_in_postgres((WHOLE / "postgres-0.2" / "ncco.sql").read_text("utf-8"))
    run_in_postgres((SAMPLES / "more-of-0.2.sql").read_text("utf-8"))
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
    assert ["h1"] == [hook.id for hook in await store.hooks(9)]
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


# Databases of version 0.2.0


TURN_OF_0_2 = """
    INSERT INTO turns (
        call_key, number, ncco, trace, inputs, webhook, cause_turn, cause_wait, cause_status, created_at
    )
    SELECT key, 9, $2, $3, $2, 'w', 8, 0, '', 1 FROM calls WHERE id = $1
"""
OF_0_2: dict[str, Callable[[Path], Store]] = {"sqlite": sqlite_of_0_2, "postgres": postgres_of_0_2}
OVER, FAILED = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "56")


async def failed_calls(store: Store) -> list[str]:
    async with store.records() as records:
        return [call.session.id for call in await records.calls(9, wanted=CallFilter(has_failed=True))]


@pytest.mark.parametrize("kind", OF_0_2)
async def test_a_database_of_0_2_keeps_its_schema_and_all_its_data(kind: str, tmp_path: Path) -> None:
    store = OF_0_2[kind](tmp_path)
    before = await store.schema()
    failed_before = await failed_calls(store)
    await store.open()
    after = await store.schema()

    assert (before.found, (), ADDED) == (after.found, before.missing, before.additions)
    assert after.is_complete
    assert 90 == after.retention_days
    call = await store.load(FAILED)
    assert call is not None and 2 == call.version
    assert [FAILED] == failed_before == await failed_calls(store)
    assert [] == await store.calls_of(OVER)
    assert ["routed", "saved"] == sorted(hook.name for hook in await store.hooks(9))
    revision = await store.revision(call.revision)
    assert revision is not None and "house" == revision.flow
    assert [OVER] == [row.session for row in await store.recordings.list(9)]
    assert BackupRow(1_772_625_600_000, 4096) == await Backups(store.database).last()
    await store.close()


@pytest.mark.parametrize("kind", OF_0_2)
async def test_a_host_of_0_2_keeps_working_beside_a_new_one(kind: str, tmp_path: Path) -> None:
    store = OF_0_2[kind](tmp_path)
    await store.open()
    await store.open_call(session_row("new"), turn_row("new", has_failed=True), webhook_row("new"))

    def write_as_0_2() -> Work[None]:
        yield Sql(TURN_OF_0_2), (OVER, b"[]", b'[{"did":"failed"}]')

    await store.database.write(write_as_0_2)

    assert {"new", OVER, FAILED} == set(await failed_calls(store))
    assert [(1,)] == await store.database.read(Sql("SELECT count(*) FROM ncco_console_sessions"))
    await store.close()


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
