"""What every request passes before its route."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.drain import Drain
from app.web.responses import error_response

MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 100


class RequestHeadMiddleware:
    """Refuses a request head that is too large, normalises the paths of webhooks, and closes connections on drain.

    Doubled and trailing slashes in the path of a webhook are ignored. While the server drains, no connection outlives
    its response, so that clients connect to another host.
    """

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = scope["headers"], scope["path"]
        size = len(path) + len(scope["query_string"])
        for name, value in headers:
            size += len(name) + len(value)
        if len(headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            problem = f"the request has more than {MAX_HEADERS} headers, or more than {MAX_HEAD_BYTES} bytes of them"
            refused = error_response(431, problem, "Send fewer and shorter headers.", {"connection": "close"})
            await refused(scope, receive, send)
            return
        if "//" in path or path.endswith("/"):
            parts = [part for part in path.split("/") if part]
            if parts[:1] == ["webhooks"]:
                scope["path"] = "/" + "/".join(parts)
        await self._app(scope, receive, _closing(send) if self._drain.has_begun else send)


def _closing(send: Send) -> Send:
    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return close
