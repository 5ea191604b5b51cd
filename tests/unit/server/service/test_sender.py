"""Which hooks are sent when, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.service.outbox import Receivers, Sender, Verdict
from ncco_server.service.poller import LONGEST_BACKOFF_S, Schedule
from ncco_server.store import HookRow
from ncco_server.store.database import Database
from ncco_server.store.hooks import Hooks
from tests.support.cases import each_case
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


@dataclass(frozen=True)
class Stage:
    """A sender, its store, and what it is tested with."""

    sender: Sender
    store: AwayStore
    post: ScriptedPost
    clock: Clock
    heard: Heard

    def made(self, **schedule: Any) -> Sender:
        """A sender with another schedule."""
        return Sender(self.store, self.post, replace(FIXED, **schedule), self.heard, clock=self.clock)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    post, clock, heard = ScriptedPost(), Clock(), Heard()
    async with AwayStore() as store:
        sender = Sender(store, post, replace(FIXED, poll_s=0.01, slots=4, drain_s=0.2), heard, clock=clock)
        yield Stage(sender, store, post, clock, heard)


async def test_hooks_of_several_calls_are_sent_concurrently_up_to_a_limit(stage: Stage) -> None:
    await put(stage.store, *(hook_row(f"h{number}", session=f"leg-{number}") for number in range(9)))
    stage.post.held = {f"h{number}": asyncio.Event() for number in range(9)}
    async with running(stage.sender):
        await until(lambda: len(stage.post.running) == 4)
        for event in stage.post.held.values():
            event.set()
        await until(lambda: len(stage.heard.told) == 9)

    assert 4 == stage.post.most_at_once
    assert {f"h{number}" for number in range(9)} == set(stage.post.tried)


async def test_failed_hook_waits_longer_each_time_and_is_then_parked(stage: Stage) -> None:
    stage.post.verdicts["h1"] = [FAILED]
    await put(stage.store, hook_row("h1"))
    async with running(stage.sender):
        await until(lambda: len(stage.heard.told) == 1)
        stage.clock.turn(4.9)
        await asyncio.sleep(0.05)
        tried_early = len(stage.post.tried)
        stage.clock.turn(0.2)
        await until(lambda: len(stage.heard.told) == 2)
        stage.clock.turn(20)
        await until(lambda: len(stage.heard.told) == 3)

    [parked] = await stage.store.hooks.first(10)

    assert 1 == tried_early
    assert [("h1", "again", 5.0), ("h1", "again", 20.0), ("h1", "again", None)] == stage.heard.told
    assert (True, 3, "status 500") == (parked.is_parked, parked.tries, parked.problem)


async def test_a_rejected_hook_is_parked_at_once_and_the_next_one_is_sent(stage: Stage) -> None:
    stage.post.verdicts["h1"] = [GONE]
    await put(stage.store, hook_row("h1"), hook_row("h2"))
    async with running(stage.sender):
        await until(lambda: len(stage.heard.told) == 2)

    assert [("h1", "never", None), ("h2", "sent", None)] == stage.heard.told
    assert ["h1"] == [hook.id for hook in await stage.store.hooks.first(10)]


async def test_a_hook_whose_tries_never_finished_is_parked_without_another_try(stage: Stage) -> None:
    await put(stage.store, hook_row("h1"))
    for number in range(3):
        await stage.store.hooks.claim(NOON_MS + number, NOON_MS + number + 1, 1)
    stage.clock.turn(1)
    async with running(stage.sender):
        await until(lambda: stage.heard.told)

    assert [] == stage.post.tried
    assert ["3 attempts did not finish"] == [hook.problem for hook in await stage.store.hooks.first(10)]


async def test_a_wake_up_sends_without_waiting_for_the_next_poll(stage: Stage) -> None:
    sender = stage.made(poll_s=60)
    async with running(sender):
        await until(lambda: stage.heard.counts)
        await put(stage.store, hook_row("h1"))
        sender.wake()
        sender.wake()
        await asyncio.sleep(0)
        sent_at_once = list(stage.post.tried)
        await until(lambda: stage.heard.told)

    assert [] == sent_at_once
    assert ["h1"] == stage.post.tried


async def test_an_unresponsive_receiver_does_not_block_the_others(stage: Stage) -> None:
    slow = [hook_row(f"slow{number}", session=f"slow-{number}", url="https://slow.example/") for number in range(9)]
    stage.post.verdicts["slow0"] = [Verdict("again", "no answer within 15 s", is_slow=True), SENT]
    stage.post.held = {hook.id: asyncio.Event() for hook in slow[1:]}
    await put(stage.store, slow[0])
    async with running(stage.sender):
        await until(lambda: stage.heard.told)
        await put(stage.store, *slow[1:], hook_row("h1", url="https://SLOW.example:444/"))
        await until(lambda: ("h1", "sent", None) in stage.heard.told)
        await until(lambda: len(stage.post.tried) == 3)
        running_then, put_off = (
            set(stage.post.running),
            [hook for hook in await stage.store.hooks.first(20) if hook.id > "slow1"],
        )
        stage.post.held["slow1"].set()
        await until(lambda: ("slow1", "sent", None) in stage.heard.told)
        stage.clock.turn(31)
        await until(lambda: len(stage.post.running) == 4)

    assert {"slow1"} == running_then
    assert [(0, NOON_MS + 30_000)] * 7 == [(hook.tries, hook.due_at) for hook in put_off]


# Trouble


async def test_an_outage_is_reported_once_however_long_it_takes(stage: Stage) -> None:
    stage.store.hooks.away = {"has_due"}
    async with running(stage.sender):
        await until(lambda: stage.store.hooks.asked >= 5)
        first = [*stage.heard.problems]
        stage.store.hooks.away.clear()
        fine_from = stage.store.hooks.asked
        await until(lambda: stage.store.hooks.asked > fine_from + 1)
        stage.store.hooks.away = {"has_due"}
        await until(lambda: len(stage.heard.problems) >= 2)

    assert ["has_due failed"] == first
    assert ["has_due failed"] * 2 == stage.heard.problems


async def test_a_hook_whose_success_cannot_be_stored_is_sent_again_after_its_lease(stage: Stage) -> None:
    stage.store.hooks.away = {"sent"}
    await put(stage.store, hook_row("h1"))
    async with running(stage.sender):
        await until(lambda: stage.heard.problems)
        stage.store.hooks.away.clear()
        stage.clock.turn(61)
        await until(lambda: stage.heard.told)

    assert ["h1", "h1"] == stage.post.tried
    assert [] == await stage.store.hooks.first(10)


async def test_a_hanging_request_frees_its_slot(stage: Stage) -> None:
    stage.post.held["h0"] = asyncio.Event()
    stage.store.hooks.away = {"stuck"}
    await put(stage.store, *(hook_row(f"h{number}", session=f"leg-{number}") for number in range(3)))
    async with running(stage.made(poll_s=0.01, slots=2, limit_s=0.5)):
        await until(lambda: len(stage.heard.problems) >= 2)
        stage.store.hooks.away.clear()
        stage.post.held.clear()
        stage.clock.turn(61)
        await until(lambda: [outcome for _, outcome, _ in stage.heard.told].count("sent") == 3)

    assert ("h0", "again", 5.0) in stage.heard.told
    assert "the store wrote nothing within 0.5 s" == stage.heard.problems[0]
    assert [] == await stage.store.hooks.first(10)


async def test_an_error_in_one_try_does_not_stop_the_others(stage: Stage) -> None:
    async def faulty(hook: HookRow, now: datetime) -> Verdict:
        if hook.id == "h1":
            raise RuntimeError("a fault")
        return await stage.post(hook, now)

    await put(stage.store, hook_row("h1"), hook_row("h2", session="leg-2"))
    async with running(Sender(stage.store, faulty, replace(FIXED, poll_s=0.01), stage.heard, clock=stage.clock)):
        await until(lambda: stage.heard.told and stage.heard.problems)

    assert ["RuntimeError: a fault"] == stage.heard.problems
    assert ["h2"] == stage.post.tried


# The end


async def test_the_shutdown_waits_for_hooks_being_sent(stage: Stage) -> None:
    sender = stage.made(poll_s=0.01, drain_s=30)
    stage.post.held["h1"] = asyncio.Event()
    await put(stage.store, hook_row("h1"), hook_row("h2"))
    async with running(sender):
        await until(lambda: stage.post.running)
        sender.wake()
        asyncio.get_running_loop().call_later(0.05, stage.post.held["h1"].set)

    assert [("h1", "sent", None)] == stage.heard.told
    assert ["h2"] == [hook.id for hook in await stage.store.hooks.first(10)]


async def test_the_shutdown_does_not_wait_forever_and_unsent_hooks_are_due_at_once(stage: Stage) -> None:
    stage.post.held["h1"] = asyncio.Event()
    await put(stage.store, hook_row("h1"))
    async with asyncio.timeout(30), running(stage.sender):
        await until(lambda: stage.post.running)

    assert [hook_row("h1", tries=1, problem="the server was stopped")] == await stage.store.hooks.first(10)
    assert await stage.store.hooks.has_due(NOON_MS)


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("faulty", "RuntimeError: a fault"),
        ("cancelled", "what it waited for was cancelled"),
        ("silent", "the store did not answer within 0.05 s"),
        ("has_due", "has_due failed"),
    ],
)
async def test_the_sender_survives_any_failed_poll(stage: Stage, how: str, problem: str) -> None:
    sender = stage.made(poll_s=0.01, claim_s=0.05)
    stage.store.hooks.away.add(how)
    await put(stage.store, hook_row("h1"))
    async with running(sender), asyncio.timeout(30):
        await until(lambda: problem in stage.heard.problems)
        stage.store.hooks.away.clear()
        while not stage.heard.told:  # a slow poll claimed it for a minute
            stage.clock.turn(0.1)
            await asyncio.sleep(0.005)

    assert [("h1", "sent", None)] == stage.heard.told


class BusyHooks(Hooks):
    """Another host holds all due hooks and has not stored its claim yet."""

    claims = 0

    async def has_due(self, now: int) -> bool:
        return True

    async def claim(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        self.claims += 1
        await asyncio.sleep(0)
        return []


async def test_hooks_claimed_by_another_host_are_not_polled_constantly(stage: Stage) -> None:
    store = MemoryStore()
    await store.open()
    busy = store.hooks = BusyHooks(store.database)
    async with running(Sender(store, stage.post, replace(FIXED, poll_s=60))):
        await until(lambda: busy.claims)
        await asyncio.sleep(0.05)

    assert 1 == busy.claims


@each_case(
    ("expected", "tries"),
    [(5.0, 1), (20.0, 2), (80.0, 3), (320.0, 4), (LONGEST_BACKOFF_S, 9), (LONGEST_BACKOFF_S, 10_000)],
)
def test_each_wait_is_four_times_the_previous_one_up_to_a_limit(expected: float, tries: int) -> None:
    assert expected == Schedule(draw=lambda: 0.5).wait_s(tries)


@pytest.mark.parametrize(("expected", "drawn"), [(3.75, 0.0), (6.25, 1.0)])
def test_waits_differ_by_a_quarter(expected: float, drawn: float) -> None:
    assert expected == Schedule(draw=lambda: drawn).wait_s(1)


@each_case(("expected", "asked_s"), [(5.0, 1.0), (30.0, 30.0), (LONGEST_BACKOFF_S, 1e300)])
def test_receiver_gets_the_time_it_asks_for_within_bounds(expected: float, asked_s: float) -> None:
    assert expected == Schedule(draw=lambda: 0.5).wait_s(1, asked_s)


def test_ten_tries_take_a_night() -> None:
    schedule = Schedule(draw=lambda: 0.5)

    assert 18 < sum(schedule.wait_s(tries) for tries in range(1, schedule.tries)) / 3600 < 20


SLOW = Verdict("again", "no answer within 15 s", is_slow=True)


def after(*verdicts: Verdict | None, url: str = "https://crm.example.com/a") -> Receivers:
    """A slow receiver gets at most two tries at once; each verdict belongs to an earlier try."""
    receivers = Receivers(2)
    for verdict in verdicts:
        receivers.may_begin(url)
        receivers.ended(url, verdict)
    return receivers


def begun(receivers: Receivers, url: str, count: int = 5) -> int:
    return sum(receivers.may_begin(url) for _ in range(count))


@each_case(
    ("expected", "verdicts"),
    [
        (5, []),
        (2, [SLOW]),
        (5, [SLOW, Verdict("sent")]),
        (5, [SLOW, Verdict("again", "status 500")]),
        (2, [SLOW, None]),
        (5, [None]),
    ],
)
def test_a_slow_receiver_gets_its_share_until_it_answers(expected: int, verdicts: list[Verdict | None]) -> None:
    assert expected == begun(after(*verdicts), "https://CRM.example.com/b?c")


@each_case(
    "url", ["https://crm.example.com:8443/a", "http://crm.example.com/a", "https://example.com/a", "", "http://[x/"]
)
def test_other_receivers_are_not_slow(url: str) -> None:
    assert 5 == begun(after(SLOW), url)


def test_an_invalid_url_counts_as_its_own_receiver() -> None:
    assert 2 == begun(after(SLOW, url="http://[x/"), "http://[x/")
