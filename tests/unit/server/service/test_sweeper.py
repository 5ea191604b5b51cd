"""Old data is deleted while calls continue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ncco_server.flow.loader import load
from ncco_server.service.library import Library
from ncco_server.service.retention import BATCH_SIZE, Swept, sweep_calls
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, new_call, revision_row

FLOW = 'flow: a\ndefault: true\nstart: s\nsteps:\n  s: {do: [{talk: "Hello."}], goto: end}\n'
NOW = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(days=31)


async def made(store: MemoryStore) -> Library:
    """The library of a store, which is opened."""
    await store.open()
    library = Library(store, lambda: load({"flows/a.yaml": FLOW}))
    await library.reload()
    return library


async def swept(store: MemoryStore, library: Library) -> Swept:
    return await sweep_calls(store, library, NOW, timedelta(days=30))


async def test_old_data_is_deleted_and_the_flows_in_use_stay() -> None:
    store = MemoryStore()
    library = await made(store)
    in_use = frozenset(store.revisions)
    for number in range(BATCH_SIZE + 1):
        await store.open_call(*new_call(f"leg-{number}"))
    await store.open_call(*new_call("young", updated_at=NOON_MS + 2 * 86_400_000))
    await store.save_revisions([revision_row("unused")])
    for row in store.revisions.values():
        await store.replace_revision(row._replace(created_at=NOON_MS))

    assert Swept(BATCH_SIZE + 1, 1) == await swept(store, library)
    assert (["young"], in_use) == (list(store.sessions), frozenset(store.revisions))


async def test_a_flow_in_use_that_another_host_has_deleted_is_saved_again() -> None:
    store = MemoryStore()
    library = await made(store)
    await store.sweep_revisions(2**60, ())
    await library.save_used()

    assert 1 == len(store.revisions)


async def test_a_sweep_without_deletions_reports_nothing() -> None:
    store = MemoryStore()
    library = await made(store)

    assert not any(await swept(store, library))
