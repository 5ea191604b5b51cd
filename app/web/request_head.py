"""Limits the size of request heads, and processes heads before routing.

uvicorn's parser has no size limit, and middleware only sees complete heads, so both check the size here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import Final

from opentelemetry import trace
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.health import Readiness
from app.web.webhook_http import error_response

MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 100
_REFUSAL: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_URL_ATTRIBUTES: Final = ("http.target", "http.url", "url.full", "url.path", "url.query")
"""OpenTelemetry's names for the URL of a request. Source: its semantic conventions for HTTP, old and stable."""


class LimitedHeadProtocol(HttpToolsProtocol):
    """Closes a connection if a request head exceeds `MAX_HEAD_BYTES`.

    `RequestHeadMiddleware` checks a head that arrives in one piece.
    """

    _is_in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        """Called at the start of a request."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called after the head. Drops the trailers of a chunked body, which would otherwise be reported as headers."""
        self._is_in_head = False
        super().on_headers_complete()
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # accepts appends, and keeps nothing

    def data_received(self, data: bytes) -> None:
        """Parse some bytes, and count the bytes of a head that is not complete yet."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_REFUSAL)
                self.transport.close()


class RequestHeadMiddleware:
    """Refuses request heads that are too large, normalises webhook paths, and closes connections while draining.

    If OpenTelemetry's instrumentation has made a span for the request, this also shortens the URL in the span.

    Repeated and trailing slashes in the path of a webhook are ignored. While the server is draining, each connection is
    closed after its response, so clients connect to another host.

    Webhooks go straight to their routes, which answer every error themselves (docs/decisions.md).
    """

    def __init__(self, app: ASGIApp, readiness: Readiness, webhooks: Sequence[BaseRoute]) -> None:
        self._app = Router(webhooks, redirect_slashes=False, default=app)
        self._others = app
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        headers = scope["headers"]
        path = scope["path"]
        if (span := trace.get_current_span()).is_recording():
            _shorten_url(span, path)
        size = len(path) + len(scope["query_string"]) + sum(map(len, chain.from_iterable(headers)))
        if len(headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            problem = f"the request has more than {MAX_HEADERS} headers, or more than {MAX_HEAD_BYTES} bytes of them"
            refused = error_response(431, problem, "Send fewer and shorter headers.", {"connection": "close"})
            await refused(scope, receive, send)
            return
        if "//" in path or path.endswith("/"):
            parts = [part for part in path.split("/") if part]
            if parts[:1] == ["webhooks"]:
                scope["path"] = "/" + "/".join(parts)
        await self._app(scope, receive, _closing(send) if self._readiness.is_draining else send)


def _shorten_url(span: trace.Span, path: str) -> None:
    """Cut the path in a span after two segments, because wait tokens and callers' numbers follow."""
    shown = "/" + "/".join([part for part in path.split("/") if part][:2])
    known = getattr(span, "attributes", None) or {}
    span.set_attributes({name: shown for name in _URL_ATTRIBUTES if name in known})


def _closing(send: Send) -> Send:
    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return close
