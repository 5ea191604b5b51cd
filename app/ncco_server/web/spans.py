"""OpenTelemetry's spans of requests, without numbers, tokens and search terms."""

from __future__ import annotations

from typing import Final

from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

_URL_ATTRIBUTES: Final = ("http.target", "http.url", "url.full", "url.path", "url.query")
"""Source: OpenTelemetry's semantic conventions for HTTP, old and stable."""


def shorten_url(path: str) -> None:
    """Cut the path in the current span after two segments: wait tokens and callers' numbers follow."""
    span = trace.get_current_span()
    if span.is_recording():
        shown = "/" + "/".join([part for part in path.split("/") if part][:2])
        known = getattr(span, "attributes", None) or {}
        span.set_attributes({name: shown for name in _URL_ATTRIBUTES if name in known})


class ShortUrlMiddleware:
    """Shortens the URLs in spans of all requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            shorten_url(scope["path"])
        await self._app(scope, receive, send)
