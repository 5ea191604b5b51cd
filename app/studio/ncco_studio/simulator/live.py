"""Virtual time that follows real time, for clients outside this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from ncco_studio.simulator.clock import VirtualClock, milliseconds
from ncco_studio.simulator.scheduler import Process, Scheduler
from ncco_studio.simulator.servers import Request, Response


class LiveScheduler(Scheduler):
    """Virtual time passes at `speed` virtual seconds per real second."""

    def __init__(self, clock: VirtualClock, ask: Callable[[Request], Awaitable[Response]], speed: float = 1.0) -> None:
        super().__init__(clock, ask)
        self._speed = speed
        self._begun = time.monotonic()
        self._changed = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()

    async def run(self, after: Callable[[], None]) -> None:
        """Run until cancelled; call `after` after each event."""
        try:
            while True:
                self._changed.clear()
                await self.catch_up()
                after()
                moment = self.next_moment()
                seconds = None if moment is None else max((moment - self._now_ms) / 1000 / self._speed, 0.0)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()
        finally:
            for task in self._asking:
                task.cancel()

    @asynccontextmanager
    async def in_step(self) -> AsyncIterator[None]:
        """Let virtual time catch up before the block; `run` processes what the block causes."""
        await self.catch_up()
        yield
        self._changed.set()

    async def catch_up(self) -> None:
        self._resumed = 0
        await self.advance(lambda: False, until_ms=self._now_ms)

    @property
    def _now_ms(self) -> int:
        return milliseconds((time.monotonic() - self._begun) * self._speed)

    async def _request(self, process: Process[Any], request: Request) -> None:
        task = asyncio.create_task(self._reply(process, process.turn, request))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _reply(self, process: Process[Any], turn: int, request: Request) -> None:
        response = await self._ask(request)
        self._at(max(self._now_ms - self.clock.ms, 0), process, turn, response)
        self._changed.set()
