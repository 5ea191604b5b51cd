"""What requests share instead of computing it again: results, and the server's state."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import httpx

from ncco_server.service.figures import ServerFigures

PATIENCE_S: Final = 2.0


class ResultCache:
    """The most recently used results, at most `most`.

    The first value of a key is its kind; results of a kind are computed one at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[object, ...], tuple[float, Any]] = {}
        self._turns = defaultdict[object, asyncio.Lock](asyncio.Lock)

    async def get(
        self, key: tuple[object, ...], compute: Callable[[], Awaitable[Any]], most_s: float = math.inf
    ) -> Any:
        """Compute the result again if it is more than `most_s` seconds old."""
        oldest = time.monotonic() - most_s
        async with self._turns[key[0]]:
            known = self._known.pop(key, None)
            if known is None or known[0] < oldest:
                result = await compute()
                known = time.monotonic(), result
            self._known[key] = known
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            return known[1]


class Served(NamedTuple):
    """The addresses of the webhook server on this host; "" if unknown.

    Attributes:
        url: where it serves webhooks and probes, such as `http://127.0.0.1:8000`.
        figures_url: such as `http://127.0.0.1:40123/figures`.
    """

    url: str = ""
    figures_url: str = ""


class ServerReading(NamedTuple):
    """What could be read of the server: its answer at `/readyz`, and its figures.

    Attributes:
        is_known: whether its address is known.
        problem: why the server does not respond, or "".
        reasons: why it is not ready: it takes no calls, or, if the reason is also in `rejected`, it refuses a removal.
        flows: the flows in which new calls can start.
        rejected: the issues of flows on disk that are not in use, with places and fixes.
        loaded_at: when the flows in use were loaded (ISO 8601), "" if none are.
        figures: the latest that could be read.
        is_counted: whether this reading includes the figures.
    """

    is_known: bool = False
    problem: str = ""
    reasons: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    loaded_at: str = ""
    figures: ServerFigures = ServerFigures()
    is_counted: bool = False


NOT_KNOWN: Final = Served()


class ServerReader:
    """Reads a server when a page needs it."""

    def __init__(self, served: Served = NOT_KNOWN, client: httpx.AsyncClient | None = None) -> None:
        self._latest = ServerReading()
        self._served = served
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP, because the server is on this host
        self.client = client or httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=no_certificates)

    async def close(self) -> None:
        await self.client.aclose()

    async def read(self) -> ServerReading:
        if self._served.url:
            self._latest = await self._read()
        return self._latest

    async def _read(self) -> ServerReading:
        known = ServerReading(is_known=True, figures=self._latest.figures)
        try:
            found: dict[str, Any] = (await self.client.get(f"{self._served.url}/readyz")).json()
            reasons, flows, rejected = (tuple(map(str, found[name])) for name in ("reasons", "flows", "rejected"))
            known = known._replace(reasons=reasons, flows=flows, rejected=rejected, loaded_at=found["loaded_at"] or "")
        except httpx.TimeoutException:
            return known._replace(problem=f"it does not answer within {PATIENCE_S:g} seconds")
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return known._replace(problem=f"{self._served.url}/readyz cannot be read ({type(error).__name__})")
        with suppress(httpx.HTTPError, ValueError):
            reply = (await self.client.get(self._served.figures_url)).raise_for_status()
            return known._replace(figures=ServerFigures.model_validate_json(reply.content), is_counted=True)
        return known
