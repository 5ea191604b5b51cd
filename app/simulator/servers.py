"""The servers under test: an ASGI application in this process, or any server at a URL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx

from app.simulator.requests import Request, Response
from app.simulator.scheduler import VirtualClock

Event: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class AsgiServer:
    """Any ASGI application; enter it with `async with`, so that the application starts and stops.

    Args:
        app: the application.
        clock: the virtual clock; give the application the same one.
        seconds: how many seconds of virtual time a request takes; a function may depend on the request.
        patience_s: real seconds after which a request that hangs counts as a time-out.

    Attributes:
        faults: what the application has raised; the platform sees a status 500 for it.
    """

    def __init__(
        self,
        app: App,
        clock: VirtualClock,
        seconds: float | Callable[[Request], float] = 0.0,
        patience_s: float = 10.0,
    ) -> None:
        self._app = app
        self._transport = httpx.ASGITransport(app, client=("203.0.113.1", 40000))
        self._clock = clock
        self._seconds = seconds
        self._patience_s = patience_s
        self._lifespan: asyncio.Task[None] | None = None
        self._to_app: asyncio.Queue[Event] = asyncio.Queue()
        self._from_app: asyncio.Queue[Event] = asyncio.Queue()
        self.faults: list[Exception] = []

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self._clock.now

    async def __aenter__(self) -> Self:
        self._lifespan = asyncio.create_task(self._run_lifespan())
        if problem := await self._change_lifespan("startup"):
            raise RuntimeError(f"the application did not start: {problem}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._change_lifespan("shutdown")
        if self._lifespan is not None:
            self._lifespan.cancel()
            with suppress(asyncio.CancelledError):
                await self._lifespan

    async def deliver(self, request: Request) -> Response:
        """Pass a request to the application."""
        seconds = self._seconds(request) if callable(self._seconds) else self._seconds
        try:
            async with asyncio.timeout(self._patience_s):
                sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.body)
                reply = await self._transport.handle_async_request(sent)
                body = await reply.aread()
        except TimeoutError:
            return Response(0, failure="timeout")
        except Exception as fault:  # noqa: BLE001 - a web server replies 500 to whatever an application raises
            self.faults.append(fault)
            return Response(500, seconds=seconds)
        return Response(reply.status_code, _lower_case(reply.headers), body, seconds)

    async def _run_lifespan(self) -> None:
        """An application without a lifespan raises at once, and needs none."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        except Exception as fault:  # noqa: BLE001 - see above
            await self._from_app.put({"type": "lifespan.unsupported", "message": str(fault)})

    async def _change_lifespan(self, phase: str) -> str:
        """Ask the application to start or stop; returns what went wrong, "" for nothing."""
        if self._lifespan is None or (self._lifespan.done() and self._from_app.empty()):
            return ""
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answer = await self._from_app.get()
        return str(answer.get("message", "")) if answer["type"].endswith(".failed") else ""


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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
