"""Which hooks are sent when, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest
import pytest_asyncio

from ncco_server.errors import StoreUnavailable
from ncco_server.service.outbox import Sender, Verdict
from ncco_server.service.poller import Schedule
from ncco_server.store import HookCounts, HookRow
from ncco_server.store.database import Database
from ncco_server.store.hooks import Hooks
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, hook_row
from tests.unit.server.service.outbox_kit import FAILED, GONE, SENT, Clock, Heard, ScriptedPost, put, running, until

FIXED = Schedule(tries=3, draw=lambda: 0.5)
"""Waits 5 s, then 20 s."""


class AwayHooks(Hooks):
    """Each method named in `away` fails."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.away: set[str] = set()
        self.asked = 0

    def _fail(self, method: str) -> None:
        if method in self.away:
            raise StoreUnavailable(f"{method} failed")

    async def has_due(self, now: int) -> bool:
        self.asked += 1
        self._fail("has_due")
        if "faulty" in self.away:
            raise RuntimeError("a fault")
        if "cancelled" in self.away:
            raise asyncio.CancelledError
        if "silent" in self.away:
            await asyncio.sleep(3600)
        return await super().has_due(now)

    async def sent(self, id_: str, now: int) -> None:
        self._fail("sent")
        if "stuck" in self.away:
            await asyncio.Event().wait()
        await super().sent(id_, now)


class AwayStore(MemoryStore):
    hooks: AwayHooks

    def __init__(self) -> None:
        super().__init__()
        self.hooks = AwayHooks(self.database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post() -> ScriptedPost:
    return ScriptedPost()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest_asyncio.fixture
async def store() -> AsyncIterator[AwayStore]:
    made = AwayStore()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def sender(store: AwayStore, post: ScriptedPost, clock: Clock, heard: Heard) -> Sender:
    return Sender(store, post, replace(FIXED, poll_s=0.01, slots=4, drain_s=0.2), heard, clock=clock)


async def test_hooks_of_several_calls_are_sent_concurrently_up_to_a_limit(
    store: AwayStore, sender: Sender, post: ScriptedPost, heard: Heard
) -> None:
    await put(store, *(hook_row(f"h{number}", session=f"leg-{number}") for number in range(9)))
    post.held = {f"h{number}": asyncio.Event() for number in range(9)}
    async with running(sender):
        await until(lambda: len(post.running) == 4)
        for event in post.held.values():
            event.set()
        await until(lambda: len(heard.told) == 9)

    assert 4 == post.most_at_once
    assert {f"h{number}" for number in range(9)} == set(post.tried)


async def test_failed_hook_waits_longer_each_time_and_is_then_parked(
    store: AwayStore, sender: Sender, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    post.verdicts["h1"] = [FAILED]
    await put(store, hook_row("h1"))
    async with running(sender):
        await until(lambda: len(heard.told) == 1)
        clock.turn(4.9)
        await asyncio.sleep(0.05)
        tried_early = len(post.tried)
        clock.turn(0.2)
        await until(lambda: len(heard.told) == 2)
        clock.turn(20)
        await until(lambda: len(heard.told) == 3)

    [parked] = await store.hooks.first(10)

    assert 1 == tried_early
    assert [("h1", "again", 5.0), ("h1", "again", 20.0), ("h1", "again", None)] == heard.told
    assert (True, 3, "status 500") == (parked.is_parked, parked.tries, parked.problem)


async def test_a_rejected_hook_is_parked_at_once_and_the_next_one_is_sent(
    store: AwayStore, sender: Sender, post: ScriptedPost, heard: Heard
) -> None:
    post.verdicts["h1"] = [GONE]
    await put(store, hook_row("h1"), hook_row("h2"))
    async with running(sender):
        await until(lambda: len(heard.told) == 2)

    assert [("h1", "never", None), ("h2", "sent", None)] == heard.told
    assert ["h1"] == [hook.id for hook in await store.hooks.first(10)]


async def test_receiver_that_asks_for_time_gets_it(
    store: AwayStore, sender: Sender, post: ScriptedPost, heard: Heard
) -> None:
    post.verdicts["h1"] = [Verdict("again", "status 503", 3_600.0)]
    await put(store, hook_row("h1"))
    async with running(sender):
        await until(lambda: heard.told)

    [waiting] = await store.hooks.first(10)

    assert NOON_MS + 3_600_000 == waiting.due_at


async def test_a_hook_whose_tries_never_finished_is_parked_without_another_try(
    store: AwayStore, sender: Sender, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    await put(store, hook_row("h1"))
    for number in range(3):
        await store.hooks.claim(NOON_MS + number, NOON_MS + number + 1, 1)
    clock.turn(1)
    async with running(sender):
        await until(lambda: heard.told)

    assert [] == post.tried
    assert ["3 attempts did not finish"] == [hook.problem for hook in await store.hooks.first(10)]


async def test_a_wake_up_sends_without_waiting_for_the_next_poll(
    store: AwayStore, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    sender = Sender(store, post, replace(FIXED, poll_s=60), heard, clock=clock)
    async with running(sender):
        await until(lambda: heard.counts)
        await put(store, hook_row("h1"))
        sender.wake()
        sender.wake()
        await asyncio.sleep(0)
        sent_at_once = list(post.tried)
        await until(lambda: heard.told)

    assert [] == sent_at_once
    assert ["h1"] == post.tried


async def test_stored_hooks_are_counted(store: AwayStore, sender: Sender, post: ScriptedPost, heard: Heard) -> None:
    await put(store, hook_row("h1"), hook_row("h2", is_parked=True))
    async with running(sender):
        await until(lambda: heard.counts)

    assert HookCounts(1, 1) == heard.counts[0]


async def test_an_unresponsive_receiver_does_not_block_the_others(
    store: AwayStore, sender: Sender, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    slow = [hook_row(f"slow{number}", session=f"slow-{number}", url="https://slow.example/") for number in range(9)]
    post.verdicts["slow0"] = [Verdict("again", "no answer within 15 s", is_slow=True), SENT]
    post.held = {hook.id: asyncio.Event() for hook in slow[1:]}
    await put(store, slow[0])
    async with running(sender):
        await until(lambda: heard.told)
        await put(store, *slow[1:], hook_row("h1", url="https://SLOW.example:444/"))
        await until(lambda: ("h1", "sent", None) in heard.told)
        await until(lambda: len(post.tried) == 3)
        running_then, put_off = set(post.running), [hook for hook in await store.hooks.first(20) if hook.id > "slow1"]
        post.held["slow1"].set()
        await until(lambda: ("slow1", "sent", None) in heard.told)
        clock.turn(31)
        await until(lambda: len(post.running) == 4)

    assert {"slow1"} == running_then
    assert [(0, NOON_MS + 30_000)] * 7 == [(hook.tries, hook.due_at) for hook in put_off]


# Trouble


async def test_an_outage_is_reported_once_however_long_it_takes(
    store: AwayStore, sender: Sender, post: ScriptedPost, heard: Heard
) -> None:
    store.hooks.away = {"has_due"}
    async with running(sender):
        await until(lambda: store.hooks.asked >= 5)
        first = [*heard.problems]
        store.hooks.away.clear()
        fine_from = store.hooks.asked
        await until(lambda: store.hooks.asked > fine_from + 1)
        store.hooks.away = {"has_due"}
        await until(lambda: len(heard.problems) >= 2)

    assert ["has_due failed"] == first
    assert ["has_due failed"] * 2 == heard.problems


async def test_a_hook_whose_success_cannot_be_stored_is_sent_again_after_its_lease(
    store: AwayStore, sender: Sender, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    store.hooks.away = {"sent"}
    await put(store, hook_row("h1"))
    async with running(sender):
        await until(lambda: heard.problems)
        store.hooks.away.clear()
        clock.turn(61)
        await until(lambda: heard.told)

    assert ["h1", "h1"] == post.tried
    assert [] == await store.hooks.first(10)


async def test_a_hanging_request_frees_its_slot(clock: Clock, heard: Heard) -> None:
    store, post = AwayStore(), ScriptedPost(held={"h0": asyncio.Event()})
    store.hooks.away = {"stuck"}
    await store.open()
    await put(store, *(hook_row(f"h{number}", session=f"leg-{number}") for number in range(3)))
    async with running(Sender(store, post, replace(FIXED, poll_s=0.01, slots=2, limit_s=0.5), heard, clock=clock)):
        await until(lambda: len(heard.problems) >= 2)
        store.hooks.away.clear()
        post.held.clear()
        clock.turn(61)
        await until(lambda: [outcome for _, outcome, _ in heard.told].count("sent") == 3)

    assert ("h0", "again", 5.0) in heard.told
    assert "the store wrote nothing within 0.5 s" == heard.problems[0]
    assert [] == await store.hooks.first(10)


async def test_an_error_in_one_try_does_not_stop_the_others(
    store: AwayStore, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    async def faulty(hook: HookRow, now: datetime) -> Verdict:
        if hook.id == "h1":
            raise RuntimeError("a fault")
        return await post(hook, now)

    await put(store, hook_row("h1"), hook_row("h2", session="leg-2"))
    async with running(Sender(store, faulty, replace(FIXED, poll_s=0.01), heard, clock=clock)):
        await until(lambda: heard.told and heard.problems)

    assert ["RuntimeError: a fault"] == heard.problems
    assert ["h2"] == post.tried


# The end


async def test_the_shutdown_waits_for_hooks_being_sent(
    store: AwayStore, post: ScriptedPost, clock: Clock, heard: Heard
) -> None:
    sender = Sender(store, post, replace(FIXED, poll_s=0.01, drain_s=30), heard, clock=clock)
    post.held["h1"] = asyncio.Event()
    await put(store, hook_row("h1"), hook_row("h2"))
    async with running(sender):
        await until(lambda: post.running)
        sender.wake()
        asyncio.get_running_loop().call_later(0.05, post.held["h1"].set)

    assert [("h1", "sent", None)] == heard.told
    assert ["h2"] == [hook.id for hook in await store.hooks.first(10)]


async def test_the_shutdown_does_not_wait_forever_and_unsent_hooks_are_due_at_once(
    store: AwayStore, sender: Sender, post: ScriptedPost, clock: Clock
) -> None:
    post.held["h1"] = asyncio.Event()
    await put(store, hook_row("h1"))
    async with asyncio.timeout(30), running(sender):
        await until(lambda: post.running)

    assert [hook_row("h1", tries=1, problem="the server was stopped")] == await store.hooks.first(10)
    assert await store.hooks.has_due(NOON_MS)


@pytest.mark.parametrize("how", ["faulty", "cancelled", "silent", "has_due"])
async def test_the_sender_survives_any_failed_poll(
    store: AwayStore, post: ScriptedPost, clock: Clock, heard: Heard, how: str
) -> None:
    sender = Sender(store, post, replace(FIXED, poll_s=0.01, claim_s=0.05), heard, clock=clock)
    store.hooks.away.add(how)
    await put(store, hook_row("h1"))
    async with running(sender), asyncio.timeout(30):
        await until(lambda: heard.problems)
        store.hooks.away.clear()
        while not heard.told:  # a slow poll claimed it for a minute
            clock.turn(0.1)
            await asyncio.sleep(0.005)

    assert [("h1", "sent", None)] == heard.told


class BusyHooks(Hooks):
    """Another host holds all due hooks and has not stored its claim yet."""

    claims = 0

    async def has_due(self, now: int) -> bool:
        return True

    async def claim(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        self.claims += 1
        await asyncio.sleep(0)
        return []


async def test_hooks_claimed_by_another_host_are_not_polled_constantly(post: ScriptedPost) -> None:
    store = MemoryStore()
    await store.open()
    busy = store.hooks = BusyHooks(store.database)
    async with running(Sender(store, post, replace(FIXED, poll_s=60))):
        await until(lambda: busy.claims)
        await asyncio.sleep(0.05)

    assert 1 == busy.claims
