"""A virtual Vonage that serves its API in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from socket import socket

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from uvicorn import Config, Server

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.live import LiveScheduler
from ncco_studio.simulator.parties import Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import HttpServer, ask_in_time


class LiveVonage:
    """Time passes at `speed` virtual seconds per real second.

    Change `vonage` only inside `scheduler.in_step()`.
    """

    def __init__(
        self, application: Application, key: RSAPublicKey, parties: Parties, http: HttpServer, speed: float = 1.0
    ) -> None:
        clock = VirtualClock(datetime.now(UTC))
        self._http = http
        self._access = Access(application.application_id, key, lambda: http.now)
        self.scheduler = LiveScheduler(clock, partial(ask_in_time, http), speed)
        self.vonage = Vonage(application, http, clock, parties, seed=token_hex(), scheduler=self.scheduler)

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
                tasks[0].cancel()
                await asyncio.wait(tasks)


class PartOfAProcess(Server):
    """Leaves signals to the process that it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
