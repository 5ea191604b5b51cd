"""PostgreSQL only: groups, hosts that write at once, and outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from ncco_server.errors import AlreadyOpen, StoreUnavailable, StoreUnusable
from ncco_server.store import Caused, Store, open_store
from ncco_server.store.address import read_address
from ncco_server.store.database import Work
from ncco_server.store.migrations import INSERT_PROBE, PROBE
from ncco_server.store.postgres import COMMIT_S, PostgresDatabase
from ncco_server.store.sql import Sql
from ncco_server.web.webhook_http import DEADLINE_S
from tests.support import postgres_server
from tests.support.postgres_stores import ask, empty_database, make_postgres
from tests.support.stored_rows import NOON_MS, hook_row, new_call, next_turn, session_row, webhook_row
from tests.unit.server.store.broken_line import line_to
from tests.unit.server.store.held_writes import WHAT_CALLS_HAVE, start, until, waits_in_postgres

PEOPLE = tuple(f"leg-{number}" for number in range(8))
MANY = 100
BOUND_S = 10.0
"""Far more than the limits of the store, and far less than forever: the machine may be busy."""


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Store]:
    made = make_postgres()
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def other_host(store: Store) -> AsyncIterator[Store]:
    made = open_store(empty_url())
    await made.open()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def server() -> Iterator[postgres_server.Server]:
    """A server that tests may stop; it runs before and after each test."""
    reason = postgres_server.why_not()
    if reason:
        pytest.skip(reason)
    with postgres_server.running_server() as own:
        yield own


@pytest.fixture
def database(server: postgres_server.Server) -> str:
    return server.new_database()


@contextmanager
def held(table: str = "webhooks") -> Iterator[None]:
    """Block writes to a table meanwhile."""
    with postgres_server.shared_server().locked(postgres_server.shared_database(), table):
        yield


def empty_url() -> str:
    return postgres_server.shared_server().url(postgres_server.shared_database())


async def test_hooks_that_hang_leave_callers_their_connections(store: Store) -> None:
    await store.open_call(*new_call("leg-0"))
    with held("hooks"):
        hooks = [asyncio.ensure_future(store.hooks.sent(f"hook-{number}", NOON_MS)) for number in range(MANY)]
        await until(waits_in_postgres)
        found = await asyncio.gather(*(store.load("leg-0") for _ in range(10)))
        were_done = [hook.done() for hook in hooks]
    await asyncio.gather(*hooks, return_exceptions=True)

    assert [session_row("leg-0")] * 10 == found
    assert [False] * MANY == were_done


# Groups


async def test_writes_that_wait_for_a_commit_share_the_next_one(store: Store) -> None:
    with held():
        begun = await start(waits_in_postgres, *(store.open_call(*new_call(id_)) for id_ in PEOPLE))
    await asyncio.gather(*begun)

    assert [(2,)] == ask("SELECT count(DISTINCT xmin::text) FROM calls")
    assert [(id_, 1, 1) for id_ in PEOPLE] == ask(WHAT_CALLS_HAVE)


async def test_a_flood_of_one_call_does_not_delay_others_for_long(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    flood = [asyncio.ensure_future(store.record(webhook_row("leg-1", 0, 0, str(number)))) for number in range(300)]
    await store.open_call(*new_call("leg-2"))

    assert any(not write.done() for write in flood)

    await asyncio.gather(*flood)

    assert tuple((0, str(number)) for number in range(300)) == await store.statuses("leg-1", 0)


async def test_a_statement_without_a_key_may_not_return_rows(store: Store) -> None:
    def ask_without_key() -> Work[None]:
        yield Sql("SELECT id FROM calls WHERE id = $1"), ("leg-1",)

    await store.open_call(*new_call("leg-1"))

    with pytest.raises(AssertionError, match="a statement without a key returns rows"):
        await store.database.write(ask_without_key, ("leg-1",))


async def test_an_endless_lock_is_unavailable_after_a_limited_wait(store: Store) -> None:
    await store.open_call(*new_call("a"))
    with held(), pytest.raises(StoreUnavailable, match="is locked by another transaction"):
        await asyncio.wait_for(store.open_call(*new_call("b")), BOUND_S)
    await store.open_call(*new_call("b"))

    assert [("a", 1, 1), ("b", 1, 1)] == ask(WHAT_CALLS_HAVE)


async def test_an_endless_read_is_unavailable_after_a_limited_wait(store: Store) -> None:
    with held("calls"), pytest.raises(StoreUnavailable, match=r"does not answer in time|is locked"):
        await asyncio.wait_for(store.load("a"), BOUND_S)

    assert await store.load("a") is None


async def test_a_cancelled_read_leaves_the_pool_working() -> None:
    store = open_store(empty_database())
    await store.open()
    with held("calls"):
        (reading,) = await start(waits_in_postgres, store.load("a"))
        reading.cancel()
    await store.check()

    assert await store.load("a") is None

    await store.close()


def test_a_loop_that_ends_during_a_write_leaves_nobody_waiting() -> None:
    store = make_postgres()
    heard: list[BaseException] = []
    listening: list[asyncio.Task[None]] = []

    async def leave() -> None:
        await store.open()
        listening.append(asyncio.ensure_future(listen()))
        await until(waits_in_postgres)

    async def listen() -> None:
        try:
            await store.open_call(*new_call("a"))
        except BaseException as error:
            heard.append(error)
            raise

    with held():
        asyncio.run(leave())

    assert [asyncio.CancelledError] == [type(error) for error in heard]


# Several hosts


async def test_a_hook_after_one_that_another_host_just_sent_is_never_skipped(store: Store, other_host: Store) -> None:
    sent: list[str] = []

    async def come_in(host: Store, name: str) -> None:
        for number in range(60):
            await host.record(webhook_row(""), Caused(hooks=[hook_row(f"{name}{number:02}", session="leg-1")]))

    async def send(host: Store) -> None:
        while len(sent) < 120:
            for hook in await host.hooks.claim(NOON_MS, NOON_MS + 1, 5):
                await host.hooks.sent(hook.id, NOON_MS)
                sent.append(hook.id)

    async with asyncio.timeout(30):
        await asyncio.gather(come_in(store, "a"), come_in(other_host, "b"), send(store), send(other_host))

    assert sorted([f"{name}{number:02}" for name in "ab" for number in range(60)]) == sorted(sent)


async def test_two_hosts_never_claim_the_same_hook(store: Store, other_host: Store) -> None:
    for number in range(40):
        await store.record(webhook_row(""), Caused(hooks=[hook_row(f"h{number}", session=f"s{number}")]))
    claims = [host.hooks.claim(NOON_MS, NOON_MS + 9, 5) for _ in range(6) for host in (store, other_host)]
    found = [hook.id for hooks in await asyncio.gather(*claims) for hook in hooks]

    assert len(found) == len(set(found))
    assert {1} == {tries for (tries,) in ask("SELECT tries FROM hooks WHERE leased_until > 0")}


async def test_a_transaction_pooler_works_without_prepared_statements() -> None:
    store = open_store(f"{empty_database()}&pooler=transaction")
    await store.open()
    await store.open_call(*new_call("a"))
    await store.advance(*next_turn("a", 1))
    await store.record(webhook_row("a", 1, 0, "busy"), Caused(hooks=[hook_row()]))

    assert ((0, "busy"),) == await store.statuses("a", 1)

    await store.close()


async def test_commits_wait_for_the_disk_even_if_the_database_turns_that_off(store: Store) -> None:
    ask(f"ALTER DATABASE {postgres_server.shared_database()} SET synchronous_commit = off")
    fresh = PostgresDatabase(read_address(empty_url()))
    await fresh.open()

    assert [("on",)] == await fresh.read(Sql("SHOW synchronous_commit"))

    await fresh.close()
    ask(f"ALTER DATABASE {postgres_server.shared_database()} RESET synchronous_commit")


# What goes wrong


async def test_password_of_the_url_is_used(server: postgres_server.Server, database: str) -> None:
    server.ask("DROP ROLE IF EXISTS guarded")
    server.ask("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 's3cret word/%'")
    store = open_store(server.url(database, "guarded:s3cret%20word%2F%25"))
    await store.open()

    assert await store.load("leg-1") is None

    await store.close()


async def test_database_without_unicode_is_unusable(server: postgres_server.Server) -> None:
    server.ask("CREATE DATABASE ascii TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")

    with pytest.raises(StoreUnusable, match="uses the encoding SQL_ASCII"):
        await open_store(server.url("ascii")).open()


async def test_a_user_who_may_not_create_tables_is_refused_with_the_reason(
    server: postgres_server.Server, database: str
) -> None:
    server.ask("CREATE ROLE poor LOGIN")
    server.ask("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=database)

    with pytest.raises(StoreUnusable, match="does not allow this user to write") as refused:
        await open_store(server.url(database, "poor")).open()

    assert "let the user own the database" in refused.value.cure


async def test_a_standby_is_unavailable_until_it_is_writable(server: postgres_server.Server, database: str) -> None:
    store = open_store(server.url(database))
    await store.open()
    await store.open_call(*new_call("a"))
    await store.close()
    await store.open()
    server.ask(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    with pytest.raises(StoreUnavailable, match="is read-only"):
        await store.open_call(*new_call("b"))
    with pytest.raises(StoreUnavailable, match="is read-only"):
        await store.check()

    assert await store.load("a") is not None

    server.ask(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    await store.open_call(*new_call("b"))
    await asyncio.gather(*(store.check() for _ in range(8)))
    await store.close()


async def test_restarting_postgresql_does_not_require_a_restart_of_the_server(
    server: postgres_server.Server, database: str
) -> None:
    store = open_store(server.url(database))
    await store.open()
    await store.open_call(*new_call("a"))
    await asyncio.gather(*(store.load("a") for _ in range(8)))
    await asyncio.to_thread(server.stop)

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.open_call(*new_call("b"))
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.load("a")

    await asyncio.to_thread(server.start)
    await asyncio.sleep(0.25)

    assert [session_row("a")] * 8 == await asyncio.gather(*(store.load("a") for _ in range(8)))

    await store.open_call(*new_call("b"))
    await store.close()


async def test_crash_under_load_loses_nothing_that_was_acknowledged(
    server: postgres_server.Server, database: str
) -> None:
    store, acknowledged = open_store(server.url(database)), set[str]()
    await store.open()

    async def write(name: str) -> None:
        for number in range(10_000):
            try:
                await store.open_call(*new_call(f"{name}-{number}"))
            except StoreUnavailable:
                return
            acknowledged.add(f"{name}-{number}")

    writing = [asyncio.ensure_future(write(str(number))) for number in range(16)]
    await until(lambda: len(acknowledged) > MANY)
    await asyncio.to_thread(server.crash)
    await asyncio.gather(*writing)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(0.25)
    await store.open_call(*new_call("after"))
    await store.close()
    whole = {
        id_ for id_, turns, webhooks in server.ask(WHAT_CALLS_HAVE, database=database) if (turns, webhooks) == (1, 1)
    }
    stored = {id_ for (id_,) in server.ask("SELECT id FROM calls", database=database)}

    assert acknowledged
    assert set() == acknowledged - stored
    assert whole == stored


async def test_a_connection_cut_after_a_commit_is_resolved_by_the_second_delivery(
    server: postgres_server.Server, database: str
) -> None:
    async with line_to(server.port) as line:
        store = open_store(f"postgresql://{postgres_server.USER}@127.0.0.1:{line.port}/{database}")
        await store.open()
        await store.open_call(*new_call("before"))
        line.cut_at = b"COMMIT"

        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.open_call(*new_call("leg-1"))
        await until(lambda: bool(server.ask("SELECT 1 FROM calls WHERE id = 'leg-1'", database=database)))
        with pytest.raises(AlreadyOpen):
            await store.open_call(*new_call("leg-1"))

        assert b"ncco leg-1 0" == await store.reply("leg-1", -1, -1, "")

        await store.close()


async def test_a_silent_network_is_unavailable_after_a_limited_wait(
    server: postgres_server.Server, database: str
) -> None:
    async with line_to(server.port) as line:
        store = open_store(f"postgresql://{postgres_server.USER}@127.0.0.1:{line.port}/{database}")
        await store.open()
        await store.load("a")
        await store.check()
        line.is_silent = True
        write, read = store.open_call(*new_call("a")), store.load("a")
        results = await asyncio.wait_for(asyncio.gather(write, read, return_exceptions=True), BOUND_S)
        line.is_silent = False
        line.cut()
        await asyncio.sleep(0.25)

        assert [StoreUnavailable] * 2 == [type(result) for result in results]

        await store.open_call(*new_call("b"))
        await store.close()


async def test_writes_that_wait_for_a_hanging_group_fail_together_with_it(
    server: postgres_server.Server, database: str
) -> None:
    """In a separate group they would wait about twice as long as a group may take."""
    loop = asyncio.get_running_loop()

    async def waited_s(number: int) -> float:
        await asyncio.sleep(number * 0.2)
        began = loop.time()
        with pytest.raises(StoreUnavailable):
            await slow.open_call(*new_call(f"leg-{number}"))
        return loop.time() - began

    async with line_to(server.port) as line:
        slow = open_store(f"postgresql://{postgres_server.USER}@127.0.0.1:{line.port}/{database}")
        await slow.open()
        await slow.open_call(*new_call("before"))
        line.is_silent = True
        waits_s = await asyncio.gather(*map(waited_s, range(10)))
        line.is_silent = False
        line.cut()
        await slow.close()

    assert COMMIT_S < DEADLINE_S
    assert max(waits_s) < 1.5 * COMMIT_S


async def test_a_probe_needs_more_space_than_a_page(store: Store) -> None:
    ask(INSERT_PROBE.postgres, PROBE)
    sizes = ask("SELECT pg_column_size(body) FROM probes WHERE pg_column_size(body) > 8192")
    await store.check()

    assert 1 == len(sizes)
    assert [] == ask("SELECT * FROM probes")


async def test_a_rewrite_covers_every_table_from_which_a_number_is_deleted(store: Store) -> None:
    files = "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relkind = 'r' AND relname = ANY($1)"
    own = ["recordings", "placed", "attempts", "results", "function_results", "rows", "changes"]
    names = ["calls", "turns", "webhooks", "hooks", *(f"ncco_{name}" for name in own)]
    before = set(ask(files, names))
    await store.forget(["447700900123"], rewrite=True)
    after = set(ask(files, names))

    assert set(names) == {name for name, _ in after - before}
