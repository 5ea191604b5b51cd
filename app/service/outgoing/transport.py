"""The HTTP client for look-ups and hooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import httpcore
import httpx

from app.service.outgoing.network import CheckedNetwork, Refused, Resolve, system_addresses
from app.service.outgoing.reach import Reach

MOST_CONNECTIONS: Final = 200
MOST_IDLE: Final = 50
IDLE_S: Final = 4.0
"""Shorter than what servers commonly keep open, so that a request seldom meets a connection that is just closed."""

_FAULTS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


class PrivateAddress(httpx.ConnectError):
    """The host leads to a private address, and is none itself."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Keeps connections open and uses no proxy; each is made to an address that was checked."""

    def __init__(self, reach: Reach, resolve: Resolve = system_addresses) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_S,
            network_backend=CheckedNetwork(reach, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.TransportError."""
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = await self._pool.handle_async_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes in."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._answer.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """The errors of httpcore, by the names that httpx gives them."""
    try:
        yield
    except Refused as error:
        raise PrivateAddress(str(error)) from error
    except _FAULTS as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error


def new_client(private_hosts: Collection[str] = (), resolve: Resolve = system_addresses) -> httpx.AsyncClient:
    """A client that follows no redirect, knows no proxy and reaches no private address that was not named.

    It sets no time limit: whoever uses it does.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(Reach(frozenset(host.lower() for host in private_hosts)), resolve),
        headers={"User-Agent": "ncco-server"},
        follow_redirects=False,
        trust_env=False,
        timeout=None,  # noqa: S113 - every use has its own deadline
    )
