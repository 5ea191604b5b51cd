"""The servers under test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, Self, TypeAlias
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

import httpx

from ncco_server.ncco.signing import Method, compact_json
from ncco_studio.simulator.clock import VirtualClock

Target: TypeAlias = tuple[str, Method]
"""A URL and the method."""
Failure: TypeAlias = Literal["", "connect timeout", "timeout", "closed", "reset"]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `connect_s` and `answer_s` limit the time for the connection and the reply.

    Attributes:
        body: b"" for a GET.
        is_awaited: whether the call waits for the reply in order to play it.
    """

    method: Method
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    connect_s: float = 1.0
    answer_s: float = 5.0
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The result of a request.

    Attributes:
        status: 0 if there was no response.
        headers: by lower-case name.
        seconds: the virtual time that the server took.
        failure: why there was no response, or "".
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    failure: Failure = ""


class Server(Protocol):
    """A webhook server under test."""

    @property
    def now(self) -> datetime:
        """For the tokens."""

    async def deliver(self, request: Request) -> Response:
        """Never raises if the server fails."""


async def ask_in_time(server: Server, request: Request) -> Response:
    """A late response becomes a timeout. Source: delivery rules, connection and socket time-out."""
    response = await server.deliver(request)
    if response.failure == "connect timeout":
        return replace(response, seconds=request.connect_s)
    if response.seconds <= request.answer_s and response.failure != "timeout":
        return response
    return Response(0, seconds=request.answer_s, failure="timeout")


def with_query(url: str, fields: Mapping[str, Any], null: str | None = None) -> str:
    """A nested value becomes JSON. None becomes the text in `null`, or is left out if there is none.

    Source: webhook reference, the two kinds of request (GET).
    """
    given = {name: null if value is None else value for name, value in fields.items()}
    texts = {name: value if isinstance(value, str) else compact_json(value) for name, value in given.items()}
    query = urlencode([pair for pair in texts.items() if given[pair[0]] is not None], quote_via=quote, safe="")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))


def moved(url: str, base: str, to: str) -> str:
    """`url` at the server at `to` (scheme, host and port) if it begins with the URL `base`, else unchanged."""
    try:
        parts, old, new = urlsplit(url), urlsplit(base), urlsplit(to)
        is_there = _origin(parts) == _origin(old)
    except ValueError:
        return url
    prefix = old.path.rstrip("/")
    if not is_there or not f"{parts.path}/".startswith(f"{prefix}/"):
        return url
    return urlunsplit(parts._replace(scheme=new.scheme, netloc=new.netloc, path=parts.path.removeprefix(prefix)))


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Raises ValueError for a port out of range."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class HttpServer:
    """Any webhook server, in any language. Use it with `async with`.

    Tokens contain the real time, for the server's clock, but webhooks virtual time. A request takes no virtual time.

    Args:
        transport: None for the network.
        patience_s: time limit of a request in real seconds; None for the request's own limits.
        place: returns where to send a request for a URL.

    Attributes:
        faults: exceptions of an application in this process, each of which became a 500.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        patience_s: float | None = None,
        place: Callable[[str], str] = str,
    ) -> None:
        self._place = place
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False)
        self._patience_s = patience_s
        self.faults: list[Exception] = []

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def deliver(self, request: Request) -> Response:
        """Redirects are not followed."""
        connect_s, answer_s = self._patience_s or request.connect_s, self._patience_s or request.answer_s
        limits = {"timeout": httpx.Timeout(answer_s, connect=connect_s).as_dict()}
        try:
            async with asyncio.timeout(self._patience_s or connect_s + answer_s):
                url = self._place(request.url)
                sent = httpx.Request(
                    request.method, url, headers=request.headers, content=request.body, extensions=limits
                )
                reply = await self._transport.handle_async_request(sent)
                body = await reply.aread()
        except httpx.ConnectTimeout:
            return Response(0, failure="connect timeout")
        except (httpx.TimeoutException, TimeoutError):
            return Response(0, failure="timeout")
        except httpx.ConnectError:
            return Response(0, failure="closed")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Response(0, failure="reset")
        except Exception as fault:  # noqa: BLE001 - as a web server does
            self.faults.append(fault)
            return Response(500)
        return Response(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, body)


class AsgiServer(HttpServer):
    """An ASGI application in this process, which this class neither starts nor stops.

    `patience_s` is in real seconds. The application should use the virtual clock too. What is sent to URLs that do not
    begin with `base` does not leave this process: it gets an empty reply.
    """

    def __init__(self, app: App, clock: VirtualClock, patience_s: float = 10.0, base: str = "") -> None:
        super().__init__(httpx.ASGITransport(app, client=("203.0.113.1", 40000)), patience_s)
        self._clock = clock
        self._base = base

    @property
    def now(self) -> datetime:
        return self._clock()

    async def deliver(self, request: Request) -> Response:
        return await super().deliver(request) if request.url.startswith(self._base) else Response(200)
