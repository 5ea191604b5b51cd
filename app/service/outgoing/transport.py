"""The HTTP client for look-ups and hooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import httpcore
import httpx

from app.service.outgoing.network import CheckedNetwork, Refused, Resolve, system_addresses
from app.service.outgoing.pool import Exchange, Pool
from app.service.outgoing.reach import Reach

_FAULTS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


class PrivateAddress(httpx.ConnectError):
    """The host leads to a private address, and is none itself."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Keeps connections open and uses no proxy; each is made to an address that was checked.

    Attributes:
        pool: what holds them.
    """

    def __init__(self, reach: Reach, resolve: Resolve = system_addresses) -> None:
        self.pool = Pool(httpx.create_ssl_context(), CheckedNetwork(reach, resolve))

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
            exchange = await self.pool.send(asked)
        answer = exchange.answer
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(exchange), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self.pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes in."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._exchange.answer.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._exchange.end()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """The errors of httpcore and of TLS under it, by the names that httpx gives them."""
    try:
        yield
    except Refused as error:
        raise PrivateAddress(str(error)) from error
    except _FAULTS as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error
    except OSError as error:  # of TLS: a record that cannot be deciphered, which httpcore lets through
        raise httpx.ReadError("the encryption broke") from error


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
