"""Processes the heads of requests before routing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry import trace
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ncco_server.web.health import Readiness

_URL_ATTRIBUTES: Final = ("http.target", "http.url", "url.full", "url.path", "url.query")
"""Source: OpenTelemetry's semantic conventions for HTTP, old and stable."""


class RequestHeadMiddleware:
    """Normalises webhook paths, shortens URLs in OpenTelemetry's spans, and closes connections while draining.

    Clients then connect elsewhere. Webhooks go straight to their routes, which answer every error (docs/decisions.md).
    """

    def __init__(self, app: ASGIApp, readiness: Readiness, webhooks: Sequence[BaseRoute]) -> None:
        self._app = Router(webhooks, redirect_slashes=False, default=app)
        self._others = app
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        path = scope["path"]
        if (span := trace.get_current_span()).is_recording():
            _shorten_url(span, path)
        if "//" in path or path.endswith("/"):
            parts = [part for part in path.split("/") if part]
            if parts[:1] == ["webhooks"]:
                scope["path"] = "/" + "/".join(parts)
        await self._app(scope, receive, _closing(send) if self._readiness.is_draining else send)


def _shorten_url(span: trace.Span, path: str) -> None:
    """Cut the path after two segments: wait tokens and callers' numbers follow."""
    shown = "/" + "/".join([part for part in path.split("/") if part][:2])
    known = getattr(span, "attributes", None) or {}
    span.set_attributes({name: shown for name in _URL_ATTRIBUTES if name in known})


def _closing(send: Send) -> Send:
    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return close
