"""The servers under test: an ASGI application in this process, or any server at a URL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, TypeAlias

import httpx

from app.simulator.requests import Request, Response
from app.simulator.scheduler import VirtualClock

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class AsgiServer:
    """Any ASGI application; the caller starts and stops it.

    Args:
        app: the application.
        clock: the virtual clock; give the application the same one. A request takes no virtual time.
        patience_s: real seconds after which a request that hangs counts as a time-out.

    Attributes:
        faults: what the application has raised; the platform sees a status 500 for it.
    """

    def __init__(self, app: App, clock: VirtualClock, patience_s: float = 10.0) -> None:
        self._transport = httpx.ASGITransport(app, client=("203.0.113.1", 40000))
        self._clock = clock
        self._patience_s = patience_s
        self.faults: list[Exception] = []

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self._clock.now

    async def deliver(self, request: Request) -> Response:
        """Pass a request to the application."""
        try:
            async with asyncio.timeout(self._patience_s):
                sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.body)
                reply = await self._transport.handle_async_request(sent)
                body = await reply.aread()
        except TimeoutError:
            return Response(0, failure="timeout")
        except Exception as fault:  # noqa: BLE001 - a web server replies 500 to whatever an application raises
            self.faults.append(fault)
            return Response(500)
        return Response(reply.status_code, _lower_case(reply.headers), body)


class HttpServer:
    """Any webhook server, in any language, at the URLs of the application; close it, or enter it with `async with`.

    Its clock is the real one, so tokens are issued at the real time; the timestamps of webhooks stay virtual.

    Args:
        measures: whether the real seconds of a request pass on the virtual clock too; then two runs differ a little.
        transport: of httpx, for tests; None: the network.
    """

    def __init__(self, *, measures: bool = False, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
        self._measures = measures

    @property
    def now(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deliver(self, request: Request) -> Response:
        """Send a request. Redirects are not followed: to the platform they are bad statuses (unverified)."""
        begun = time.perf_counter()
        response = await self._send(request)
        seconds = time.perf_counter() - begun if self._measures else 0.0
        return replace(response, seconds=seconds)

    async def _send(self, request: Request) -> Response:
        timeout = httpx.Timeout(request.answer_s, connect=request.connect_s)
        try:
            async with asyncio.timeout(request.connect_s + request.answer_s):
                reply = await self._client.request(
                    request.method, request.url, headers=request.headers, content=request.body, timeout=timeout
                )
        except httpx.ConnectTimeout:
            return Response(0, failure="connect timeout")
        except (httpx.TimeoutException, TimeoutError):
            return Response(0, failure="timeout")
        except httpx.ConnectError:
            return Response(0, failure="closed")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Response(0, failure="reset")
        return Response(reply.status_code, _lower_case(reply.headers), reply.content)


def _lower_case(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
