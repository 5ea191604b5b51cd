"""A virtual Vonage that serves its API in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from socket import socket
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from uvicorn import Config, Server

from ncco_studio.simulator.clock import VirtualClock, in_ms
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.parties import Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.rest.websockets import OpenedSocket
from ncco_studio.simulator.scheduler import Process, Scheduler
from ncco_studio.simulator.servers import HttpServer, Request, Response, ask_in_time


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
        return in_ms((time.monotonic() - self._begun) * self._speed)

    async def _request(self, process: Process[Any], request: Request) -> None:
        task = asyncio.create_task(self._reply(process, process.turn, request))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _reply(self, process: Process[Any], turn: int, request: Request) -> None:
        response = await self._ask(request)
        self._at(max(self._now_ms - self.clock.ms, 0), process, turn, response)
        self._changed.set()


class LiveVonage:
    """Time passes at `speed` virtual seconds per real second.

    Change `vonage` only inside `scheduler.in_step()`. If it `opens_sockets`, websockets that are no known party are
    really opened.
    """

    def __init__(
        self,
        application: Application,
        key: RSAPublicKey,
        parties: Parties,
        http: HttpServer,
        speed: float = 1.0,
        *,
        opens_sockets: bool = False,
    ) -> None:
        clock = VirtualClock(datetime.now(UTC))
        self._http = http
        self._access = Access(application.application_id, key, lambda: http.now)
        self.scheduler = LiveScheduler(clock, partial(ask_in_time, http), speed)
        self.vonage = Vonage(application, http, clock, parties, seed=token_hex(), scheduler=self.scheduler)
        self._speed = speed
        self._sockets: set[asyncio.Task[None]] = set()
        if opens_sockets:
            parties.open_socket = self._open_socket

    def _open_socket(self, endpoint: Mapping[str, Any]) -> OpenedSocket:
        opened = OpenedSocket(endpoint, self.scheduler.in_step, self._speed)
        self._sockets.add(opened.task)
        opened.task.add_done_callback(self._sockets.discard)
        return opened

    async def serve(
        self, listener: socket, after: Callable[[], None] = lambda: None, certificate: tuple[Path, Path] | None = None
    ) -> None:
        api = calls_api(Platform(self.vonage, self._access, self.scheduler.in_step))
        config = Config(api, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        if certificate is not None:
            config.ssl_certfile, config.ssl_keyfile = certificate
        server = PartOfAProcess(config)
        async with self._http:
            tasks = [asyncio.create_task(self.scheduler.run(after)), asyncio.create_task(server.serve([listener]))]
            try:
                (ended, *_), _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                ended.result()
            finally:
                server.should_exit = True
                for task in (tasks[0], *self._sockets):
                    task.cancel()
                await asyncio.wait([*tasks, *self._sockets])


class PartOfAProcess(Server):
    """Leaves signals to the process that it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
