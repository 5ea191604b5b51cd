"""Virtual time that follows real time."""

from __future__ import annotations

import asyncio

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.rest.server import LiveScheduler
from ncco_studio.simulator.scheduler import Routine, pause
from ncco_studio.simulator.servers import Request, Response

REQUEST = Request("GET", "https://calls.example.com/", {})
SLOW_S = 0.05
SPEED = 100


async def test_a_process_continues_at_the_time_of_its_reply() -> None:
    done = asyncio.Event()
    moments = dict[str, int]()

    async def answer(_: Request) -> Response:
        await asyncio.sleep(SLOW_S)
        return Response(200)

    def asking() -> Routine[None]:
        yield REQUEST
        moments["replied"] = clock.ms
        yield from pause(1)
        moments["heard"] = clock.ms
        done.set()

    clock = VirtualClock()
    scheduler = LiveScheduler(clock, answer, SPEED)
    scheduler.spawn(asking())
    running = asyncio.create_task(scheduler.run(lambda: None))
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()

    assert moments["replied"] > 0.9 * SLOW_S * SPEED * 1000  # timers are not exact
    assert moments["heard"] == moments["replied"] + 1000


async def test_another_call_continues_while_one_waits_for_a_reply() -> None:
    asked = asyncio.Event()
    gone_on = asyncio.Event()

    async def never(_: Request) -> Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    def asking() -> Routine[None]:
        yield REQUEST

    def playing() -> Routine[None]:
        yield from pause(30)
        gone_on.set()

    scheduler = LiveScheduler(VirtualClock(), never, SPEED)
    scheduler.spawn(asking())
    scheduler.spawn(playing())
    running = asyncio.create_task(scheduler.run(lambda: None))
    await asyncio.wait_for(asked.wait(), 10)
    await asyncio.wait_for(gone_on.wait(), 10)

    assert not running.done()
    running.cancel()
