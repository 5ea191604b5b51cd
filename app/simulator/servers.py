"""The servers under test, an ASGI application or any server at a URL, and the signed requests that go to them."""

from __future__ import annotations

import asyncio
import hashlib
import json
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
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


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


def compact_json(value: object) -> str:
    """JSON as webhooks carry it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def with_query(url: str, fields: Mapping[str, Any]) -> str:
    """The URL of a GET. Each nested value becomes one parameter that holds JSON; nulls are left out (unverified).

    Source: webhook reference, the two kinds of request (GET).
    """
    texts = {name: value if isinstance(value, str) else compact_json(value) for name, value in fields.items()}
    query = urlencode([pair for pair in texts.items() if fields[pair[0]] is not None], quote_via=quote, safe="")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))


def payload_hash(method: Method, url: str, body: bytes) -> str:
    """The claim `payload_hash`: of the raw body of a POST, of the compact JSON of a GET's decoded query in URL order.

    Whether letters beyond ASCII are escaped in that JSON is not documented; here they are not.
    """
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return hashlib.sha256(body if method == "POST" else compact_json(query).encode()).hexdigest()


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


class HttpServer:
    """Any webhook server, in any language, at the URLs of the application; enter it with `async with`.

    Its clock is the real one, so tokens are issued at the real time; the timestamps of webhooks stay virtual. A request
    takes no virtual time.

    Args:
        transport: of httpx; None: the network.
        patience_s: real seconds after which a request counts as a time-out; None: those of the request.

    Attributes:
        faults: what an application in this process has raised; the platform sees a status 500 for it.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, patience_s: float | None = None) -> None:
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False)
        self._patience_s = patience_s
        self.faults: list[Exception] = []

    @property
    def now(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def deliver(self, request: Request) -> Response:
        """Send a request. Redirects are not followed: to the platform they are bad statuses (unverified)."""
        limits = {"timeout": httpx.Timeout(request.answer_s, connect=request.connect_s).as_dict()}
        try:
            async with asyncio.timeout(self._patience_s or request.connect_s + request.answer_s):
                sent = httpx.Request(
                    request.method, request.url, headers=request.headers, content=request.body, extensions=limits
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
        except Exception as fault:  # noqa: BLE001 - a web server replies 500 to whatever an application raises
            self.faults.append(fault)
            return Response(500)
        return Response(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, body)


class AsgiServer(HttpServer):
    """Any ASGI application in this process; the caller starts and stops it.

    Args:
        app: the application.
        clock: the virtual clock; give the application the same one.
        patience_s: real seconds after which a request that hangs counts as a time-out.
    """

    def __init__(self, app: App, clock: VirtualClock, patience_s: float = 10.0) -> None:
        super().__init__(httpx.ASGITransport(app, client=("203.0.113.1", 40000)), patience_s)
        self._clock = clock

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self._clock()
