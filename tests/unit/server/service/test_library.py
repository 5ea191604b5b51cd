"""Flows in use, and older revisions of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_server.service.library import Library, PinnedFlows
from ncco_server.service.released import RELEASED, removals
from ncco_server.store import RevisionRow
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore

ASKING = """
flow: NAME
entry: true
start: a
steps:
  a:
    do: [{talk: "TEXT"}]
    choices: {one: {dtmf: 1, goto: {run: OTHER}}}
    retry: {then: end}
"""


def project(text: str) -> Project:
    """Two flows that lead to each other, so both consist of the same files."""
    flows = {
        f"flows/{name}.yaml": ASKING.replace("NAME", name).replace("OTHER", other).replace("TEXT", text)
        for name, other in (("left", "right"), ("right", "left"))
    }
    return load(flows)


class CountingStore(MemoryStore):
    """Counts the requests for the revision of a flow."""

    asked = 0

    async def revision(self, hash_: str) -> RevisionRow | None:
        self.asked += hash_ != RELEASED
        await asyncio.sleep(0)
        return await super().revision(hash_)


@pytest.fixture
async def store() -> AsyncIterator[CountingStore]:
    store = CountingStore()
    await store.open()
    yield store
    await store.close()


async def reloaded(store: CountingStore, *projects: Project) -> Library:
    """A library that read these projects one after another."""
    coming = iter(projects)
    library = Library(store, lambda: next(coming))
    for _ in projects:
        await library.reload()
    return library


def facts(flow: Flow | None) -> Any:
    return None if flow is None else (flow.name, flow.revision)


async def test_flows_of_the_same_files_are_distinguished_in_memory(store: CountingStore) -> None:
    before = project("Before.")
    library = await reloaded(store, before, project("After."))
    revision = before.flows["left"].revision
    found = [await library.pinned(name, revision) for name in ("left", "right")]

    assert revision == before.flows["right"].revision
    assert [("left", revision), ("right", revision)] == [facts(flow) for flow in found]
    assert 0 == store.asked


async def test_flows_of_the_same_files_are_distinguished_in_the_store(store: CountingStore) -> None:
    before = project("Before.")
    await reloaded(store, before)
    library = await reloaded(store, project("After."))
    revision = before.flows["left"].revision
    found = [await library.pinned(name, revision) for name in ("left", "right", "left")]

    assert [("left", revision), ("right", revision), ("left", revision)] == [facts(flow) for flow in found]


async def test_a_revision_is_loaded_once_however_many_calls_need_it_at_once(store: CountingStore) -> None:
    before = project("Before.")
    await reloaded(store, before)
    library = await reloaded(store, project("After."))
    found = await asyncio.gather(*(library.pinned("left", before.flows["left"].revision) for _ in range(10)))

    assert 1 == store.asked
    assert 1 == len({id(flow) for flow in found})
    assert ("left", before.flows["left"].revision) == facts(found[0])


async def test_an_unknown_revision_or_flow_is_none(store: CountingStore) -> None:
    before = project("Before.")
    library = await reloaded(store, before)

    assert await library.pinned("left", "0" * 64) is None
    assert await library.pinned("nobody", before.flows["left"].revision) is None


BROKEN: Final = load({"flows/left.yaml": "flow: left\nstart: nowhere\nsteps: {}\n"})


async def test_a_server_that_starts_on_faulty_flows_uses_the_last_good_ones(store: CountingStore) -> None:
    before = project("Before.")
    await reloaded(store, project("Long ago."), before)
    library = await reloaded(store, BROKEN)
    found = {name: flow.revision for name, flow in library.current.flows.items()}

    assert {name: flow.revision for name, flow in before.flows.items()} == found
    assert (1, False, True) == (library.rejected, library.is_stale, library.last.has_errors)


async def test_a_running_server_keeps_its_own_flows_whatever_another_one_has(store: CountingStore) -> None:
    own = project("Own.")
    coming = iter([own, BROKEN])
    library = Library(store, lambda: next(coming))
    await library.reload()
    await reloaded(store, project("Of another host."))
    await library.reload()

    assert own.flows["left"].revision == library.current.flows["left"].revision


@pytest.mark.parametrize("sources", [b'{"flows/left.yaml": "flow: left\\nstart: nowhere\\nsteps: {}\\n"}', b"{}"])
async def test_flows_that_were_good_only_for_another_version_are_not_used(store: CountingStore, sources: bytes) -> None:
    await store.replace_revision(RevisionRow(RELEASED, "", sources, 0))
    library = await reloaded(store, BROKEN)

    assert {} == library.current.flows


async def test_a_server_with_slow_files_uses_the_last_good_flows_until_they_are_read(store: CountingStore) -> None:
    await reloaded(store, project("good"))
    is_readable = threading.Event()

    def read() -> Project:
        is_readable.wait()
        return project("new")

    library = Library(store, read, first_read_s=0)
    reloading = asyncio.create_task(library.reload())
    await library.begun.wait()

    meanwhile = library.find("", "left")
    is_readable.set()
    await reloading

    assert meanwhile is not None and "good" in meanwhile.sources["flows/left.yaml"]
    now = library.find("", "left")
    assert now is not None and "new" in now.sources["flows/left.yaml"]
    assert not library.is_stale


def test_a_server_ends_without_waiting_for_files_that_cannot_be_read() -> None:
    is_readable = threading.Event()

    def read() -> Project:
        is_readable.wait()
        return BROKEN

    async def begin() -> None:
        async with MemoryStore() as store:
            with suppress(TimeoutError):
                await asyncio.wait_for(Library(store, read, first_read_s=0).reload(), 0.05)

    asyncio.run(begin())

    assert not is_readable.is_set()
    is_readable.set()


async def test_an_unavailable_store_is_asked_again_for_the_last_good_flows(store: CountingStore) -> None:
    await reloaded(store, project("Before."))
    library = Library(store, lambda: BROKEN)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await library.reload()
    is_awaited = library.is_awaited
    await store.open()
    await library.reload()

    assert is_awaited
    assert {"left", "right"} == set(library.current.flows)


def test_the_cache_of_older_revisions_is_limited_by_the_size_of_their_sources() -> None:
    pinned = PinnedFlows(limit=2 * len(ASKING))
    revisions = [replace(project(str(n)).flows["left"], revision=str(n)) for n in range(3)]
    for flow in revisions:
        pinned.add(flow)

    assert [None, None, "2"] == [flow and flow.revision for flow in (pinned.get(("left", str(n))) for n in range(3))]


def test_a_revision_beyond_the_limit_is_kept_until_the_next_one() -> None:
    flow = project("0").flows["left"]
    pinned = PinnedFlows(limit=1)
    pinned.add(flow)

    assert flow is pinned.get((flow.name, flow.revision))


LINE: Final = "493023125100"
SHOP: Final = {"flow": "shop", "default": "true", "entry": "true", "numbers": f'["{LINE}"]'}
DESK: Final = {"flow": "desk", "entry": "true"}
SAMPLE: Final = {"flow": "sample", "numbers": '["442079460001", "15005550142"]'}


def flows_of(*flows: dict[str, str]) -> Project:
    steps = "start: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
    texts = ("".join(f"{name}: {value}\n" for name, value in flow.items()) + steps for flow in flows)
    return load({f"flows/{flow['flow']}.yaml": text for flow, text in zip(flows, texts, strict=True)})


@each_case(
    ("after", "removed"),
    [
        ([SHOP, DESK], []),
        ([DESK, {**SHOP, "numbers": "[]"}], [f"no flow has the number {LINE} anymore"]),
        ([{**SHOP, "numbers": "[]"}, {**DESK, "numbers": f'["{LINE}"]'}], []),
        ([{**SHOP, "default": "false"}, DESK], ["there is no longer a default flow"]),
        ([{**SHOP, "default": "false"}, {**DESK, "default": "true"}], []),
        ([SHOP], ["no call can start in flow desk anymore"]),
        ([SHOP, {"flow": "desk"}], ["no call can start in flow desk anymore"]),
    ],
)
def test_what_callers_can_no_longer_reach_is_named(after: list[dict[str, str]], removed: list[str]) -> None:
    assert removed == [each.message for each in removals(flows_of(SHOP, DESK), flows_of(*after))]


@each_case(
    ("sample", "removed"),
    [
        (SAMPLE, []),
        ({**SAMPLE, "entry": "true"}, ["no call can start in flow sample anymore"]),
        ({**SAMPLE, "numbers": f'["442079460001", "{LINE}"]'},
         [f"no flow has the number {LINE} anymore", "no call can start in flow sample anymore"]),
    ],
    ids=["only example numbers", "also by its name", "also by a real number"],
)  # fmt: skip
def test_numbers_for_examples_and_flows_that_only_they_reach_may_go(sample: dict[str, str], removed: list[str]) -> None:
    assert removed == [each.message for each in removals(flows_of(DESK, sample), flows_of(DESK))]


async def test_a_removal_is_confirmed_for_all_hosts() -> None:
    store = MemoryStore()
    await store.open()
    files = [flows_of(SHOP, DESK)]
    here, there = (Library(store, lambda: files[-1]) for _ in range(2))
    await here.reload()
    confirmed = [await here.is_confirmed()]
    files.append(flows_of(SHOP))
    await here.reload()
    removed = [each.message for each in here.removed]
    confirmed.append(await here.is_confirmed())
    await there.reload(confirms_removals=True)
    confirmed.append(await here.is_confirmed())
    await here.reload()

    assert ["no call can start in flow desk anymore"] == removed
    assert [False, False, True] == confirmed
    assert ((), {"shop"}) == (here.removed, {*here.current.flows})
