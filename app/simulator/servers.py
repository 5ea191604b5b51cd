"""The servers under test, an ASGI application or any server at a URL, and the signed requests that go to them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx
import jwt

if TYPE_CHECKING:
    from app.simulator.scheduler import VirtualClock

Method: TypeAlias = Literal["GET", "POST"]
Failure: TypeAlias = Literal["", "connect timeout", "timeout", "closed", "reset"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        body: what a POST carries; b"" for a GET.
        connect_s: seconds in which the server must accept. answer_s: seconds in which it must have answered.
        is_awaited: whether the call waits for the reply to play it; the request of a fallback stands for another one.
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
        status: of HTTP; 0 when no response came.
        headers: by lower-case name.
        seconds: of virtual time that the server took.
        failure: why no response came; "" when one did.
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
        """The time that the server takes it to be: what tokens for it are issued at."""

    async def deliver(self, request: Request) -> Response:
        """Send one request. Never raises for what the server does or fails to do."""


def in_time(request: Request, response: Response) -> Response:
    """The response, or the time-out that the platform sees when it takes too long.

    Source: delivery rules, connection and socket time-out.
    """
    if response.failure == "connect timeout":
        return replace(response, seconds=request.connect_s)
    if response.seconds <= request.answer_s and response.failure != "timeout":
        return response
    return Response(0, seconds=request.answer_s, failure="timeout")


def encoded(fields: Mapping[str, Any]) -> bytes:
    """The body of a POST: compact JSON in UTF-8."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def with_query(url: str, fields: Mapping[str, Any]) -> str:
    """The URL of a GET. Each nested value becomes one parameter that holds JSON; nulls are left out (unverified).

    Source: webhook reference, the two kinds of request (GET).
    """
    pairs = [(name, _as_parameter(value)) for name, value in fields.items() if value is not None]
    parts = urlsplit(url)
    query = urlencode(pairs, quote_via=quote, safe="")
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))


def _as_parameter(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def payload_hash(method: Method, url: str, body: bytes) -> str:
    """The claim `payload_hash`: of the raw body of a POST, of the compact JSON of a GET's decoded query in URL order.

    Whether letters beyond ASCII are escaped in that JSON is not documented; here they are not.
    """
    if method == "POST":
        return hashlib.sha256(body).hexdigest()
    fields = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def authorization(secret: str, issued_at: datetime, jti: str, hashed: str, **accounts: str) -> Mapping[str, str]:
    """The `Authorization` header of a signed webhook.

    Args:
        secret: the account's signature secret.
        issued_at: when, by the clock of the server.
        jti: an id of this token.
        hashed: what `payload_hash` gave.
        accounts: `api_key` and `application_id`; blank ones are left out.
    """
    claims: dict[str, object] = {"iat": int(issued_at.timestamp()), "jti": jti, "iss": "Vonage", "payload_hash": hashed}
    claims |= {name: value for name, value in accounts.items() if value}
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"}


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
