"""Clocks that jump or differ: calls continue, nothing is lost, and a refusal names the clock as the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ncco_server.service.retention import sweep_calls
from ncco_server.store import SqliteDatabase, Store
from tests.system.server.faults.office import Mood, Office
from tests.system.server.faults.served import PROJECT
from tests.system.server.faults.stage import Heard, Request, Stage, application
from tests.system.server.security.signing import signed_post

SECRET = "invented-signature-secret-for-tests-only"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOLD_S = 30.0


@dataclass
class Clock:
    """A clock that the test sets."""

    now: datetime = NOON
    off: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return self.now + self.off


@dataclass
class World:
    """Vonage's clock, and hosts that may have other clocks."""

    folder: Path
    office: Office
    clock: Clock = field(default_factory=Clock)

    @asynccontextmanager
    async def host(self, clock: Callable[[], datetime], *, secret: str = "") -> AsyncIterator[Stage]:
        """Run a server with its own clock on the shared database."""
        database = f"sqlite:///{self.folder}/calls.db"
        flows = PROJECT / "flows"
        async with application(self.folder, self.office, flows, database, secret=secret, clock=clock) as app:
            stage = Stage(app)
            stage.sign = self._sign if secret else None
            yield stage

    def _sign(self, body: bytes) -> str:
        return signed_post(body, SECRET, iat=int(self.clock().timestamp()))

    async def told(self, count: int) -> list[int]:
        """How often each hook came, once `count` different hooks have come."""
        async with asyncio.timeout(TOLD_S):
            while len(self.office.hooks) < count:  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.02)
        return list(self.office.hooks.values())


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Office() as office:
        yield World(tmp_path, office)


def hang_up(stage: Stage) -> Request:
    return Request("POST", "/webhooks/event", {**stage.facts(), "status": "completed", "direction": "inbound"})


@pytest.mark.parametrize("off", [-HOUR, HOUR])
async def test_a_call_continues_when_the_clock_jumps(world: World, off: timedelta) -> None:
    async with world.host(world.clock) as stage:
        await stage.ring()
        world.clock.off = off
        pressed = stage.press("1")
        first, again = await stage.ask(pressed), await stage.ask(pressed)
        await stage.played(pressed)
        busy = await stage.ask(stage.event("busy"))
        told = await world.told(1)
        ended, late = await stage.ask(hang_up(stage)), await stage.ask(pressed)

    assert b"Connecting you to sales" in first.body
    assert first.body == again.body == late.body
    assert b"leave a message" in busy.body
    assert [1] == told
    assert 200 == ended.status


async def test_a_hook_waiting_when_the_clock_jumps_back_is_sent_when_it_is_due_again(world: World) -> None:
    asked: list[str] = []

    def fail(path: str) -> Mood:
        asked.append(path)
        return "failing"

    world.office.mood = fail
    async with world.host(world.clock) as stage:
        await stage.ring()
        await stage.played(stage.press("1"))
        async with asyncio.timeout(TOLD_S):
            while "/routed" not in asked:  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.02)
        world.clock.off = -HOUR
        world.office.mood = lambda _: "good"
        await stage.ring()
        await stage.played(stage.press("1"))
        of_new_call = len(await world.told(1))
        world.clock.off = timedelta(seconds=30)
        of_both = await world.told(2)

    assert (1, [1, 1]) == (of_new_call, of_both)


def cure(heard: Heard) -> str:
    return heard.body.decode().partition('"fix":')[2]


@pytest.mark.parametrize("off", [timedelta(minutes=-10), timedelta(minutes=10)])
async def test_signatures_are_refused_while_the_clock_is_wrong_and_accepted_once_it_is_right(
    world: World, off: timedelta
) -> None:
    own = Clock()
    async with world.host(own, secret=SECRET) as stage:
        await stage.ring()
        own.off = off
        refused = await stage.ask(stage.press("1"))
        own.off = timedelta()
        played = await stage.ask(stage.press("1"))

    assert (401, 200) == (refused.status, played.status)
    assert "clock" in cure(refused)
    assert b"Connecting you to sales" in played.body


async def test_clocks_that_differ_by_less_than_the_window_refuse_nothing(world: World) -> None:
    own = Clock(off=timedelta(minutes=-4))
    async with world.host(own, secret=SECRET) as stage:
        await stage.ring()
        own.off = timedelta(minutes=4)
        played = await stage.ask(stage.press("1"))

    assert 200 == played.status


@pytest.mark.parametrize("ahead", [0, 1])
async def test_two_hosts_whose_clocks_differ_by_ten_minutes_play_one_call_and_send_each_hook(
    world: World, ahead: int
) -> None:
    clocks = [Clock(), Clock()]
    clocks[ahead].off = timedelta(minutes=10)
    async with world.host(clocks[0]) as one, world.host(clocks[1]) as other:
        for number in range(6):
            one.leg = f"{number:032x}"
            await one.played(one.answer())
            other.leg, other.ncco = one.leg, one.ncco
            pressed = other.press("1")
            first, again = await other.ask(pressed), await one.ask(pressed)
            await other.played(pressed)
            busy = await one.ask(other.event("busy"))
            ended = await other.ask(hang_up(one))

            assert first.body == again.body
            assert (True, 200) == (b"leave a message" in busy.body, ended.status)

        await world.told(12)
    bodies = [world.office.told[path] for path in ("/routed", "/over")]

    assert 12 == len(world.office.hooks)
    assert [6, 6] == [len(set(each)) for each in bodies] == [len(each) for each in bodies]


async def test_a_call_whose_end_is_lost_is_reported_by_the_next_server_after_two_days(world: World) -> None:
    async with world.host(world.clock) as stage:
        await stage.ring()
    world.clock.off = timedelta(hours=49)
    async with world.host(world.clock):
        told = await world.told(1)

    assert ([1], ["/over"]) == (told, [*world.office.told])


async def test_a_sweep_after_the_clock_jumped_back_deletes_nothing_too_early(world: World) -> None:
    async with world.host(world.clock) as stage:
        await stage.ring()
        leg = stage.leg
    store = Store(SqliteDatabase(world.folder / "calls.db"))
    await store.open()
    library = stage.app.state.webhooks.calls.library
    day = timedelta(days=1)
    world.clock.off = -HOUR
    early = await sweep_calls(store, library, world.clock(), day)
    world.clock.off = day - HOUR
    still = await sweep_calls(store, library, world.clock(), day)
    kept = await store.load(leg)
    world.clock.off = timedelta(days=1, seconds=1)
    due = await sweep_calls(store, library, world.clock(), day)
    gone = await store.load(leg)
    await store.close()

    assert ((0, 0), True) == ((early.rows, still.rows), kept is not None)
    assert (True, None) == (due.rows > 0, gone)
