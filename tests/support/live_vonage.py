"""A virtual Vonage in this process, for servers that place calls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.parties import Parties
from ncco_studio.simulator.rest.server import LiveVonage
from ncco_studio.simulator.servers import HttpServer
from tests.support.application_api import APPLICATION_ID
from tests.support.keys import private_pem, rsa_key

ACCESS: Final = {"VONAGE_APPLICATION_ID": APPLICATION_ID, "VONAGE_PRIVATE_KEY": private_pem(rsa_key())}
"""The settings with which it accepts the requests of a server."""


@asynccontextmanager
async def live_vonage(
    parties: Parties, speed: float = 1.0, answer_url: str = "", event_url: str = "", *, opens_sockets: bool = False
) -> AsyncIterator[tuple[str, LiveVonage]]:
    """A virtual Vonage on the loopback, and its URL."""
    application = Application(answer_url, event_url, application_id=APPLICATION_ID)
    key = rsa_key().public_key()
    live = LiveVonage(application, key, parties, HttpServer(), speed, opens_sockets=opens_sockets)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(live.serve(listener))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", live
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
