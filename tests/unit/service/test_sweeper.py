"""What is too old is deleted while calls go on; what the store cannot do now is done the next time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import StoreUnavailable
from app.flow.loader import load
from app.service.library import Library
from app.service.retention import BATCH_SIZE, Sweeper, Swept
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, new_call, revision_row
from tests.unit.service.outbox_kit import until

FLOW = 'flow: a\ndefault: true\nstart: s\nsteps:\n  s: {do: [{talk: "Hello."}], goto: end}\n'
NOW = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(days=31)


async def made(store: MemoryStore, told: list[Swept], *, every_s: float = 60.0) -> Sweeper:
    await store.open()
    library = Library(store, lambda: load({"flows/a.yaml": FLOW}))
    await library.reload()
    return Sweeper(store, library, 30, told.append, clock=lambda: NOW, every_s=every_s)


async def test_all_that_is_too_old_goes_and_the_flows_in_use_stay() -> None:
    store = MemoryStore()
    sweeper = await made(store, [])
    in_use = frozenset(store.revisions)
    for number in range(BATCH_SIZE + 1):
        await store.open_call(*new_call(f"leg-{number}"))
    await store.open_call(*new_call("young", updated_at=NOON_MS + 2 * 86_400_000))
    await store.save_revisions([revision_row("unused")])
    for row in store.revisions.values():
        await store.replace_revision(row._replace(created_at=NOON_MS))

    assert Swept(BATCH_SIZE + 1, 1) == await sweeper.sweep()
    assert (["young"], in_use) == (list(store.sessions), frozenset(store.revisions))


async def test_a_flow_in_use_that_another_host_has_deleted_is_saved_again() -> None:
    store = MemoryStore()
    sweeper = await made(store, [])
    await store.sweep_revisions(2**60, ())
    await sweeper.sweep()

    assert 1 == len(store.revisions)


class Away(MemoryStore):
    errors: Iterator[Exception]

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        raise next(self.errors)


async def test_a_store_that_is_away_ends_no_sweeping() -> None:
    store, told = Away(), list[Swept]()
    store.errors = iter([StoreUnavailable("locked"), ValueError("odd")] + [StoreUnavailable("still")] * 100)
    sweeper = await made(store, told, every_s=0.01)
    task = asyncio.create_task(sweeper.run())
    await until(lambda: len(told) >= 3)
    task.cancel()

    assert [Swept(problem="locked"), Swept(problem="ValueError: odd")] == told[:2]
    assert Swept(problem="still") == told[2]


async def test_a_sweep_of_nothing_reports_nothing() -> None:
    store, told = MemoryStore(), list[Swept]()
    sweeper = await made(store, told, every_s=0.01)
    task = asyncio.create_task(sweeper.run())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [] == told
