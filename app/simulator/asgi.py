"""A server under test in this process, through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

from app.simulator.clock import VirtualClock
from app.simulator.requests import Request, Response

Event: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class AsgiServer:
    """Any ASGI application; enter it with `async with`, so that the application starts and stops.

    Args:
        app: the application.
        clock: the virtual clock, which the application should have got as well.
        seconds: of virtual time that it takes for a request; a function may tell requests apart.
        patience_s: real seconds after which a request that hangs counts as a time-out.

    Attributes:
        faults: what the application has raised; the platform sees a status 500 of it.
    """

    def __init__(
        self,
        app: App,
        clock: VirtualClock,
        seconds: float | Callable[[Request], float] = 0.0,
        patience_s: float = 10.0,
    ) -> None:
        self._app = app
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
        self._lifespan = asyncio.create_task(self._live())
        if problem := await self._ask_lifespan("startup"):
            raise RuntimeError(f"the application did not start: {problem}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ask_lifespan("shutdown")
        if self._lifespan is not None:
            self._lifespan.cancel()
            with suppress(asyncio.CancelledError):
                await self._lifespan

    async def deliver(self, request: Request) -> Response:
        """Hand a request to the application."""
        seconds = self._seconds(request) if callable(self._seconds) else self._seconds
        exchange = _Exchange(request)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except TimeoutError:
            return Response(0, failure="timeout")
        except Exception as fault:  # noqa: BLE001 - a web server makes a 500 of whatever an application raises
            self.faults.append(fault)
            return Response(500, seconds=seconds)
        return Response(exchange.status, exchange.headers, bytes(exchange.body), seconds)

    async def _live(self) -> None:
        """An application without a lifespan raises at once, and needs none."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        except Exception as fault:  # noqa: BLE001 - see above
            await self._from_app.put({"type": "lifespan.unsupported", "message": str(fault)})

    async def _ask_lifespan(self, phase: str) -> str:
        """Tell the application to start or stop; what it says went wrong."""
        if self._lifespan is None or (self._lifespan.done() and self._from_app.empty()):
            return ""
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answer = await self._from_app.get()
        return str(answer.get("message", "")) if answer["type"].endswith(".failed") else ""


class _Exchange:
    """One request and its response in ASGI's words."""

    def __init__(self, request: Request) -> None:
        parts = urlsplit(request.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        headers = {"host": parts.netloc.rpartition("@")[2], **request.headers}
        if request.method == "POST":
            headers["content-length"] = str(len(request.body))
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": parts.scheme,
            "path": unquote_to_bytes(parts.path).decode("utf-8", "replace") or "/",
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            "server": (parts.hostname or "", port),
            "client": ("203.0.113.1", 40000),
            "state": {},
        }
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self._body: bytes | None = request.body

    async def receive(self) -> Event:
        """The whole body at once; then the platform waits for the response."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, event: Event) -> None:
        """Take a part of the response."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in event["headers"]}
        else:
            self.body += event.get("body", b"")
