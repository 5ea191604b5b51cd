"""Refuses requests from elsewhere than console pages, and adds security headers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ncco_server.settings.values import is_loopback, name_in_host
from ncco_server.web.console_policy import CONSOLE_POLICY
from ncco_studio.console.pages import refused
from ncco_studio.simulator.body_limit import limited

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES: Final = 4_194_304
"""Our choice: a file has at most a quarter of it."""
_TOO_LARGE: Final = f"The request is larger than {MAX_BODY_BYTES:,} bytes."
_OTHER_ORIGIN: Final = "The request comes from a different origin."
HEADERS: Final = {
    "Content-Security-Policy": CONSOLE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(), camera=(), geolocation=(), payment=(), usb=()",
}
_KEPT: Final = "public, max-age=31536000, immutable"
"""The URLs of static files change with their content."""


class Guard:
    """Middleware around the whole console.

    To prevent DNS rebinding, the Host must be a loopback name or the host of `url` (behind a proxy, or ""). Ports are
    not compared: an SSH tunnel may use another. A request that may change something must come from a page of the same
    origin.
    """

    def __init__(self, app: ASGIApp, url: str = "") -> None:
        self._app = app
        self._proxy = urlsplit(url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = Request(scope)
        app: ASGIApp = self._app
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            problem = f'The console is not served under the name "{", ".join(hosts)[:100]}".'
            cure = "Open it as http://127.0.0.1 with its port; to use another name, set NCCO_CONSOLE_URL."
            app = refused(request, 421, problem, cure)
        elif scope["method"] not in SAFE_METHODS and not _is_same_origin(headers):
            app = refused(request, 403, _OTHER_ORIGIN, "Open the console, and do it there.")
        elif int(length if (length := headers.get("content-length", "")).isdecimal() else 0) > MAX_BODY_BYTES:
            app = refused(request, 413, _TOO_LARGE, "Send less.", {"Connection": "close"})
        limit = limited(receive, MAX_BODY_BYTES, HTTPException(413, _TOO_LARGE))
        await app(scope, limit, _with_headers(send, scope))

    def _is_known(self, host: str) -> bool:
        return is_loopback(name_in_host(host)) or host.lower() == self._proxy != ""


def _is_same_origin(headers: Headers) -> bool:
    """Accept a request without these headers, which is not from a browser.

    Forms send `Origin: null`, because pages send no referrer: browsers then send Sec-Fetch-Site.
    """
    site, origin, host = headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host", "").lower()
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or origin.lower() in (f"http://{host}", f"https://{host}")


def _with_headers(send: Send, scope: Scope) -> Send:
    is_static = scope["path"].startswith("/static/")

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers["Cache-Control"] = _KEPT if is_static and message["status"] == 200 else "no-store"
        await send(message)

    return add
