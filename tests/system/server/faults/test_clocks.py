"""Clocks that jump or differ: calls continue, nothing is lost, and a refusal names the clock as the reason."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from ncco_server.service.retention import sweep_calls
from ncco_server.settings import load_settings
from ncco_server.store import SqliteDatabase, Store
from ncco_server.web import create_app
from ncco_server.web.log import configure_log
from tests.support.webhooks import signed_post
from tests.system.server.calls.asgi_call import BASE, Caller, Host
from tests.system.server.faults.office import Mood, Office
from tests.system.server.faults.served import PROJECT

SECRET = "invented-signature-secret-for-tests-only"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOLD_S = 30.0
READY_S = 60.0


@dataclass
class Clock:
    """A clock that the test sets."""

    now: datetime = NOON
    off: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return self.now + self.off


@dataclass
class World:
    """Vonage's clock, and hosts that may have other clocks; `library` has the flows of the last one."""

    folder: Path
    office: Office
    clock: Clock = field(default_factory=Clock)
    library: Any = None

    @asynccontextmanager
    async def host(self, clock: Callable[[], datetime], *, secret: str = "") -> AsyncIterator[Caller]:
        """Run a server with its own clock on the shared database. Yields a caller of it, who has not called yet."""
        env_file = self.folder / "env"
        env_file.write_text(f"FLOW_OFFICE=http://localhost:{self.office.port}\n")
        settings = load_settings(
            env_file,
            public_url=BASE,
            insecure=not secret,
            signature_secret=secret,
            flows=PROJECT / "flows",
            templates=PROJECT / "templates",
            database_url=f"sqlite:///{self.folder}/calls.db",
            key="invented-key-of-all-hosts-for-tests-only",
            dial_allow="44",
            log="json",
            python_lookups=("faults_weather",),
            reload=False,
        )
        write_line = configure_log(settings, io.TextIOWrapper(io.BytesIO()))
        app = create_app(settings, deadline_s=4.0, clock=clock, write_line=write_line)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=BASE, auth=self._signed if secret else None) as client,
        ):
            async with asyncio.timeout(READY_S):
                while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - of other tasks
                    await asyncio.sleep(0.05)
            self.library = app.state.webhooks.calls.library
            yield Caller(Host(client), uuid4().hex)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        """The request with the signature that Vonage makes by its own clock."""
        request.headers["authorization"] = signed_post(request.content, SECRET, iat=int(self.clock().timestamp()))
        return request

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


async def hang_up(caller: Caller) -> httpx.Response:
    ended = {**caller.common, "status": "completed", "direction": "inbound"}
    return await caller.send("/webhooks/event", ended)


@pytest.mark.parametrize("off", [-HOUR, HOUR])
async def test_a_call_continues_when_the_clock_jumps(world: World, off: timedelta) -> None:
    async with world.host(world.clock) as caller:
        await caller.ring()
        world.clock.off = off
        menu = caller.url("input")
        first, again = await caller.press("1", menu), await caller.press("1", menu)
        busy = await caller.dial("busy")
        told = await world.told(1)
        ended, late = await hang_up(caller), await caller.press("1", menu)

    assert b"Connecting you to sales" in first.content
    assert first.content == again.content == late.content
    assert b"leave a message" in busy.content
    assert [1] == told
    assert 200 == ended.status_code


async def test_a_hook_waiting_when_the_clock_jumps_back_is_sent_when_it_is_due_again(world: World) -> None:
    asked: list[str] = []

    def fail(path: str) -> Mood:
        asked.append(path)
        return "failing"

    world.office.mood = fail
    async with world.host(world.clock) as caller:
        await caller.ring()
        await caller.press("1")
        async with asyncio.timeout(TOLD_S):
            while "/routed" not in asked:  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.02)
        world.clock.off = -HOUR
        world.office.mood = lambda _: "good"
        another = Caller(caller.host, uuid4().hex)
        await another.ring()
        await another.press("1")
        of_new_call = len(await world.told(1))
        world.clock.off = timedelta(seconds=30)
        of_both = await world.told(2)

    assert (1, [1, 1]) == (of_new_call, of_both)


@pytest.mark.parametrize("off", [timedelta(minutes=-10), timedelta(minutes=10)])
async def test_signatures_are_refused_while_the_clock_is_wrong_and_accepted_once_it_is_right(
    world: World, off: timedelta
) -> None:
    own = Clock()
    async with world.host(own, secret=SECRET) as caller:
        await caller.ring()
        own.off = off
        refused = await caller.press("1")
        own.off = timedelta()
        played = await caller.press("1")

    assert (401, 200) == (refused.status_code, played.status_code)
    assert "clock" in refused.text.partition('"fix":')[2]
    assert b"Connecting you to sales" in played.content


async def test_clocks_that_differ_by_less_than_the_window_refuse_nothing(world: World) -> None:
    own = Clock(off=timedelta(minutes=-4))
    async with world.host(own, secret=SECRET) as caller:
        await caller.ring()
        own.off = timedelta(minutes=4)
        played = await caller.press("1")

    assert 200 == played.status_code


@pytest.mark.parametrize("ahead", [0, 1])
async def test_two_hosts_whose_clocks_differ_by_ten_minutes_play_one_call_and_send_each_hook(
    world: World, ahead: int
) -> None:
    clocks = [Clock(), Clock()]
    clocks[ahead].off = timedelta(minutes=10)
    async with world.host(clocks[0]) as one, world.host(clocks[1]) as other:
        for number in range(6):
            one.leg = other.leg = f"{number:032x}"
            await one.ring()
            menu = one.url("input")
            first, again = await other.press("1", menu), await one.press("1", menu)
            busy = await one.dial("busy")
            ended = await hang_up(other)

            assert first.content == again.content
            assert (True, 200) == (b"leave a message" in busy.content, ended.status_code)

        await world.told(12)
    bodies = [world.office.told[path] for path in ("/routed", "/over")]

    assert 12 == len(world.office.hooks)
    assert [6, 6] == [len(set(each)) for each in bodies] == [len(each) for each in bodies]


async def test_a_call_whose_end_is_lost_is_reported_by_the_next_server_after_two_days(world: World) -> None:
    async with world.host(world.clock) as caller:
        await caller.ring()
    world.clock.off = timedelta(hours=49)
    async with world.host(world.clock):
        told = await world.told(1)

    assert ([1], ["/over"]) == (told, [*world.office.told])


async def test_a_sweep_after_the_clock_jumped_back_deletes_nothing_too_early(world: World) -> None:
    async with world.host(world.clock) as caller:
        await caller.ring()
    store = Store(SqliteDatabase(world.folder / "calls.db"))
    await store.open()
    day = timedelta(days=1)
    world.clock.off = -HOUR
    early = await sweep_calls(store, world.library, world.clock(), day)
    world.clock.off = day - HOUR
    still = await sweep_calls(store, world.library, world.clock(), day)
    kept = await store.load(caller.leg)
    world.clock.off = timedelta(days=1, seconds=1)
    due = await sweep_calls(store, world.library, world.clock(), day)
    gone = await store.load(caller.leg)
    await store.close()

    assert ((0, 0), True) == ((early.rows, still.rows), kept is not None)
    assert (True, None) == (due.rows > 0, gone)
