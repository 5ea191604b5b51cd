"""The HTTP requests that go to the server under test, their encoding and their signatures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import jwt

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
