"""Reads the state and the figures of the webhook server next to the console. They cover one host."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import httpx

from ncco_server.service.figures import ServerFigures

FRESH_S: Final = 2.0
"""Figures on a page are read again when they are older."""
PATIENCE_S: Final = 2.0


class Served(NamedTuple):
    """The addresses of the webhook server on this host; "" if unknown.

    Attributes:
        url: where it serves webhooks and probes, such as `http://127.0.0.1:8000`.
        figures_url: such as `http://127.0.0.1:40123/figures`.
    """

    url: str = ""
    figures_url: str = ""


class ServerState(NamedTuple):
    """What `/readyz` reports.

    Attributes:
        problem: why the server does not respond, or "".
        reasons: why it takes no calls.
        flows: the flows in which new calls can start.
        rejected: the issues of flows on disk that are not in use, with places and fixes.
        loaded_at: when the flows in use were loaded (ISO 8601), "" if none are.
    """

    problem: str = ""
    reasons: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    loaded_at: str = ""


NOT_KNOWN: Final = Served()


class ServerReader:
    """Reads a server when a page needs it. `clock` returns monotonic seconds.

    Attributes:
        state: None before the first reading, or if the address is not known.
        figures: the latest figures that could be read.
        is_counted: whether the figures could be read at the latest reading.
    """

    def __init__(
        self,
        served: Served = NOT_KNOWN,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: ServerState | None = None
        self.figures = ServerFigures()
        self.is_counted = False
        self._served = served
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP, because the server is on this host
        self._client = client or httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=no_certificates)
        self._clock = clock
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def close(self) -> None:
        await self._client.aclose()

    async def read(self) -> None:
        """Do nothing if the server was read within `FRESH_S`."""
        async with self._reading:
            if self._served.url and self._clock() - self._read_at >= FRESH_S:
                self.state = await self._state()
                self.is_counted = False
                with suppress(httpx.HTTPError, ValueError):
                    if not self.state.problem:
                        reply = (await self._client.get(self._served.figures_url)).raise_for_status()
                        self.figures = ServerFigures.model_validate_json(reply.content)
                        self.is_counted = True
                self._read_at = self._clock()

    async def _state(self) -> ServerState:
        try:
            found: dict[str, Any] = (await self._client.get(f"{self._served.url}/readyz")).json()
            reasons, flows, rejected = (tuple(map(str, found[name])) for name in ("reasons", "flows", "rejected"))
            return ServerState("", reasons, flows, rejected, found["loaded_at"] or "")
        except httpx.TimeoutException:
            return ServerState(f"it does not answer within {PATIENCE_S:g} seconds")
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return ServerState(f"{self._served.url}/readyz cannot be read ({type(error).__name__})")
