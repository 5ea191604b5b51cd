"""The HTTP request of a webhook, which is verified and parsed here, and the HTTP response."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final, Self, TypeAlias

import orjson
from fastapi import Response
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Receive, Scope
from structlog.typing import FilteringBoundLogger

from ncco_server.errors import MissingSignature, SignatureError, UnknownWait, WrongSignature
from ncco_server.ncco.webhooks import repaired
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import FIELD_LIMIT, Delivery, Reply, query_fields
from ncco_server.service.tokens import read_token
from ncco_server.settings import Settings
from ncco_server.settings.values import is_forwarded, is_loopback
from ncco_server.vonage.signatures import Refusal, Verifier, verify_payload
from ncco_server.web.log import WriteLine
from ncco_server.web.metrics import Metrics

DEADLINE_S: Final = 4.0
"""Vonage waits 5 seconds for a reply. Source: delivery rules, socket timeout."""

REFUSED_BODY_S: Final = 0.25
"""How long a request without a valid signature may send its body: a client still sending when the connection closes may
miss the response.
"""

DISCARDED_LIMITS: Final = 16
"""A body is read up to this many times the limit, so that its client still gets the response."""

_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

DEPTH_LIMIT: Final = 64
"""Our choice: real webhooks have four levels; deeper JSON may attack the parser."""
_FORM: Final = re.compile(rb"[\w.+%~*\[\]-]+=")

PROBLEM_LIMIT: Final = 200

_NOT_PRINTABLE: Final = re.compile(r"[^ -~]+")


class BodyTooLarge(Exception):
    """The body is larger than the limit."""


@dataclass
class WebhookConfig:
    """The shared state of webhook requests, in `app.state.webhooks`.

    Attributes:
        dev: without a public URL, callback URLs use the address of the request.
        deadline_s: until a webhook is answered with 503, so that Vonage asks the fallback URL or repeats it.
        verifier: replaced when the secret changes; None if webhooks are not signed.
    """

    settings: Settings
    calls: CallService
    metrics: Metrics
    log: FilteringBoundLogger
    write_line: WriteLine
    dev: bool = False
    deadline_s: float = DEADLINE_S
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    verifier: Verifier | None = field(init=False)
    own_url: str = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.own_url = settings.base_url
        verifier = Verifier(settings.signature_secrets, settings.api_key, settings.application_id)
        self.verifier = verifier if settings.is_signed else None

    def base_url(self, request: HTTPConnection) -> str:
        """Use the Host header only in development: any client can forge it."""
        if self.dev and not self.settings.public_url:
            host = request.headers.get("host", "")
            if _HOST.fullmatch(host):
                return f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}"
        return self.own_url


class WebhookRequest(HTTPConnection):
    """A request to a webhook route. It verifies and parses itself."""

    delivery: Delivery | None = None

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope)
        self.method: str = scope["method"]
        self.is_read = self.method == "GET"
        self.config: WebhookConfig = scope["app"].state["webhooks"]
        self.calls: CallService = self.config.calls
        self._receive = receive

    @property
    def verified(self) -> Delivery:
        """Only for endpoints, which run after it has been verified and parsed."""
        assert self.delivery is not None  # noqa: S101 - for the type
        return self.delivery

    async def receive_from_agent(self) -> None:
        """Raise UnknownWait (before reading) or BodyTooLarge. The token in the URL is in place of a signature."""
        try:
            read_token(self.calls.policy.keys, "agent", self.path_params["wait"])
        except UnknownWait:
            await self._discard_body()
            raise
        body = await self._read_body()
        fields, problem = read_json(body)
        config = self.config
        self.delivery = Delivery(self.method, body, fields, config.base_url(self), config.clock(), problem)

    async def receive_webhook(self) -> None:
        """Raise SignatureError (if possible, before reading) or BodyTooLarge."""
        config = self.config
        verifier = config.verifier
        scope = self.scope
        now = config.clock()
        method = self.method
        query = scope["query_string"]
        claims = None
        given = scope["headers"]
        headers: dict[bytes, bytes] = dict(reversed(given))  # of a repeated header, the first value
        if verifier is not None:
            try:
                if len(headers) < len(given) and sum(name == b"authorization" for name, _ in given) > 1:
                    raise WrongSignature(Refusal.SEVERAL)  # a proxy may have checked a different one
                token = verifier.token(headers.get(b"authorization"))
                claims = verifier.verify_token(token, now.timestamp())
            except SignatureError:
                await self._discard_body()
                raise
        elif config.dev and not (config.settings.insecure or _is_local(self)):
            await self._discard_body()
            raise MissingSignature(Refusal.NOT_LOCAL)
        body = await self._read_body()
        came_at = perf_counter()
        is_get = method == "GET"
        payload = query if is_get else body
        if claims is not None:
            verify_payload(claims, method, payload)
        written = read_query(query) if query else ({}, "")
        if is_get or (query and not body and claims is None):  # no hash covers the query of a POST
            fields, problem = written
        else:
            fields, problem = read_fields(body, headers.get(b"content-type", b"").lower())
        self.delivery = Delivery(
            method, payload, fields, config.base_url(self), now, problem, came_at, query=written[0]
        )

    async def _read_body(self) -> bytes:
        """Raise BodyTooLarge, ClientDisconnect."""
        if self.is_read:
            return b""
        limit = self.config.settings.body_limit
        size = 0
        chunks = []
        is_whole = False
        while not is_whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            is_whole = not message.get("more_body", False)
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > limit * DISCARDED_LIMITS:
                raise BodyTooLarge
        if size > limit:
            raise BodyTooLarge
        self.is_read = True
        return b"".join(chunks)

    async def _discard_body(self) -> None:
        try:
            async with asyncio.timeout(REFUSED_BODY_S):
                await self._read_body()
        except (TimeoutError, BodyTooLarge, ClientDisconnect):
            return


def _is_local(request: HTTPConnection) -> bool:
    """Whatever address the server listens on, and although a proxy or tunnel on this machine is a loopback peer.

    A proxy through a Unix socket leaves no peer.
    """
    peer = request.client
    return peer is not None and is_loopback(peer.host) and not is_forwarded(request.headers)


Fields: TypeAlias = tuple[dict[str, Any], str]
"""The fields, and why they cannot be read ("" if they can)."""


def read_query(query: bytes, source: str = "query") -> Fields:
    try:
        return query_fields(query.decode("utf-8", "replace")), ""
    except ValueError:
        return {}, f"the {source} has more than {FIELD_LIMIT} fields"


def read_fields(body: bytes, content_type: bytes) -> Fields:
    """What looks like a form is one unless the content type is JSON; anything else is JSON."""
    if not body or body.isspace():
        return {}, "the body is empty"
    if content_type.startswith(b"multipart/"):
        return {}, "the body is multipart, but JSON or a form is expected"
    is_form = _FORM.match(body) is not None and b"json" not in content_type
    return read_query(body.strip(), "form") if is_form else read_json(body, repair=repaired)


def read_json(body: bytes, repair: Callable[[str], object] = lambda _: None) -> Fields:
    """`repair` returns the value of what is not quite JSON, or None."""
    if body.count(b"[") + body.count(b"{") > DEPTH_LIMIT and _is_deep(body):
        return {}, f"the body is nested deeper than {DEPTH_LIMIT} levels"
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        value = repair(body.decode("utf-8-sig", "replace"))
        if value is None:
            return {}, f"the body is not JSON: {fault.msg} at byte {fault.pos}"
    if not isinstance(value, dict):
        return {}, f"the body is a JSON {_NAMES[type(value)]}, but an object is expected"
    return value, ""


_NAMES: Final = {list: "array", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}


def _is_deep(body: bytes) -> bool:
    """Take linear time, without recursion."""
    depth = 0
    for bracket in re.finditer(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', body, re.DOTALL):
        match bracket[0]:
            case b"[" | b"{":
                depth += 1
                if depth > DEPTH_LIMIT:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False


class WebhookResponse(Response):
    """The response to a webhook. `error` caused it and is logged, never sent; `cure` is logged, too."""

    def __init__(
        self,
        reply: Reply,
        status_code: int = 200,
        content: bytes | None = None,
        *,
        failure: str = "",
        cure: str = "",
        error: BaseException | None = None,
        closes: bool = False,
    ) -> None:
        """`failure` names the failure that prevented storing. `content` replaces the reply's NCCO."""
        body = content if content is not None else reply.ncco or b""
        super().__init__(body, status_code, media_type="application/json" if body else None)
        self.reply = reply
        self.error = error
        self.cure = cure
        if closes:
            self.headers["connection"] = "close"
        if reply.problem:
            self._show(reply.problem)
        if failure or reply.is_unstored:
            self.headers["ncco-failure"] = failure or "no-store"

    def with_reason(self) -> Self:
        """For development: it may quote the call."""
        if self.reply.problem and self.reply.reason:
            self._show(f"{self.reply.problem}: {self.reply.reason}")
        return self

    def _show(self, problem: str) -> None:
        self.headers["ncco-problem"] = _NOT_PRINTABLE.sub(" ", problem)[:PROBLEM_LIMIT].strip()


def error_response(status: int, error: str, cure: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(error_body(error, cure), status, headers, "application/json")


def error_body(error: str, cure: str) -> bytes:
    return orjson.dumps({"error": error, "fix": cure})
