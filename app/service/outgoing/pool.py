"""Connections that stay open from one request to the next."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final

import httpcore

MOST_REQUESTS: Final = 200
"""At once; further ones wait for their turn."""
MOST_IDLE: Final = 50
IDLE_S: Final = 4.0
"""Shorter than what servers commonly keep open, so that a request seldom meets a connection that is just closed."""

_SCHEMES: Final = frozenset({"http", "https"})


class Exchange:
    """A request that was sent, and the answer that begins to come.

    Attributes:
        answer: its head is there. Whoever has it ends with `end`.
    """

    def __init__(self, pool: Pool, connection: httpcore.AsyncHTTPConnection, answer: httpcore.Response) -> None:
        self._pool = pool
        self._connection = connection
        self.answer = answer
        self._is_over = False

    async def end(self) -> None:
        """Let go of the connection, which is kept if the answer was read to its end. Twice is as good as once."""
        if self._is_over:
            return
        self._is_over = True
        try:
            await self.answer.aclose()
        finally:
            self._pool.take_back(self._connection)


class Pool:
    """Sends requests, each over a connection that is its own until its answer has been read.

    Waiting for an answer may end at any moment, by a cancelling as by an error. A connection is known here only while
    it is idle, so that there is nothing to put right then: all others are closed. httpcore's own pool also keeps those
    that are in use, and loses one for good when a request is cancelled at a wrong moment, until it has none left.

    Args:
        ssl_context: for https.
        network: opens connections.

    Attributes:
        in_use: connections that wait for an answer, or whose answer is being read.
    """

    def __init__(self, ssl_context: ssl.SSLContext, network: httpcore.AsyncNetworkBackend) -> None:
        self._ssl_context = ssl_context
        self._network = network
        self.in_use = 0
        self._places = asyncio.Semaphore(MOST_REQUESTS)
        self._idle: list[httpcore.AsyncHTTPConnection] = []
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return len(self._idle)

    async def send(self, request: httpcore.Request) -> Exchange:
        """The beginning of the answer. Raises what httpcore raises."""
        scheme = request.url.scheme.decode()
        if scheme not in _SCHEMES:
            raise httpcore.UnsupportedProtocol(f'there is no way to send a request to "{scheme}"')
        await self._places.acquire()
        self.in_use += 1
        connection = self._taken(request.url.origin)
        try:
            answer = await connection.handle_async_request(request)
        except BaseException:
            self.take_back(connection)
            raise
        return Exchange(self, connection, answer)

    def take_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """A request is over: keep its connection if it is idle, else close it."""
        self._places.release()
        self.in_use -= 1
        is_free = connection.is_idle() and not connection.is_closed() and not _has_more(connection)
        if is_free and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            self._close(connection)

    async def aclose(self) -> None:
        """Close every connection."""
        while self._idle:
            self._close(self._idle.pop())
        if self._closing:
            await asyncio.wait(self._closing)

    def _taken(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """The idle connection that was used last, else a new one. Those that are too old are closed."""
        for connection in [connection for connection in self._idle if connection.has_expired()]:
            self._idle.remove(connection)
            self._close(connection)
        for connection in reversed(self._idle):
            if connection.can_handle_request(origin):
                self._idle.remove(connection)
                return connection
        return httpcore.AsyncHTTPConnection(
            origin, self._ssl_context, keepalive_expiry=IDLE_S, network_backend=self._network
        )

    def _close(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """In a task of its own, which nobody cancels who has stopped waiting for an answer."""
        task = asyncio.create_task(connection.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled():
            task.exception()  # that it could not be closed well matters to nobody


def _has_more(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Whether more has come than the answer. The next request would take it for its own, which may be another call's.

    httpcore looks only for what has not been read yet; what it has read is kept where it tells nobody. Where it is kept
    elsewhere than in the versions known here, every connection counts as one that has more.
    """
    state: Any = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return state is None or bool(state.trailing_data[0])
