"""Access to the console: who may view and who may change things. Without a session, only the login page is served."""

from __future__ import annotations

import hmac
from ipaddress import ip_address, ip_network
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, HTTPException
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ncco_server.settings.values import is_direct, is_loopback
from ncco_studio.console.guard import SAFE_METHODS
from ncco_studio.console.pages import cookie_name, refused, render, wants_page
from ncco_studio.console.sessions import SESSION_LIFETIME, ConsoleSession
from ncco_studio.console.state import console_of

LOGIN: Final = "/login"
PUBLIC: Final = ("/", LOGIN)
"""Served without a session, besides static files: these paths reveal nothing about the project."""
UNATTENDED: Final = "x-unattended"
"""The header of requests that a page sends automatically every few seconds."""
_NETWORK: Final = 64
"""Bits of an IPv6 address that a client cannot choose."""
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_WITH_FORMS: Final = ("/calls", "/change", "/flows-new", "/hours", "/logout", "/messages", "/tables", "/view")
"""Paths of forms that work without JavaScript, with the token in the form. Other requests have it in a header."""
MOST_FIELDS: Final = 20_000
"""Inputs of a form: a flow may have thousands of texts."""
_TOKEN: Final = "x-csrf-token"  # noqa: S105 - the name of a header
_NO_TOKEN: Final = "The page is out of date. Reload it."  # noqa: S105 - a message


class RequireSession:
    """Middleware: finds the session of a request (`request.state.session`), and refuses a request without one.

    A header without the token against request forgery is refused before the body is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        session = console_of(request).sessions.find(request.cookies.get(_cookie_name(request), ""))
        request.state.session = session
        if session is None and scope["path"] not in PUBLIC:
            await _login_required(request)(scope, receive, send)
        elif session is not None and not _may_have_token(request, session):
            await refused(request, 403, _NO_TOKEN, "")(scope, receive, send)
        elif session is None or UNATTENDED in request.headers:  # a forgotten tab does not stay logged in
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _renewing(request, session, send))


def _renewing(request: Request, session: ConsoleSession, send: Send) -> Send:
    """Give the browser a new cookie, unless its own is recent enough or the route sets one."""
    renewed = console_of(request).sessions.renewed(session)
    if renewed is None:
        return send
    carrier = Response()
    set_cookie(request, carrier, renewed)
    cookie = carrier.headers["set-cookie"]

    async def renew(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "set-cookie" not in headers:
                headers.append("set-cookie", cookie)
        await send(message)

    return renew


def _login_required(request: Request) -> Response:
    if not wants_page(request):
        return refused(request, 401, "You are not logged in.", "Log in, and try again.", {"HX-Redirect": LOGIN})
    if request.method != "GET":
        return login_page(request, "/", "You were logged out, so nothing is saved.", status=401)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    response = login_page(request, path, status=401)
    if request.headers.get("sec-fetch-site") == "cross-site":  # a link from elsewhere sends no cookie: reload
        response.headers["Refresh"] = f"0; url={LOGIN}?{urlencode({'next': path})}"
    return response


def login_page(request: Request, path: str, problem: str = "", status: int = 200) -> Response:
    names = {login.name for login in console_of(request).logins.current()}
    shown = {"has_password": bool(names), "has_names": any(names), "needs_name": "" not in names}
    return render(request, "login.html", status, next=path, problem=problem, **shown)


def is_near(request: HTTPConnection) -> bool:
    """Whether a browser on this machine sent the request itself: a tunnel adds headers."""
    return request.client is not None and is_loopback(request.client.host) and is_direct(request.headers)


def client_of(request: HTTPConnection) -> str:
    """The client's address, or its IPv6 network, for counting failed logins.

    Behind the proxy of NCCO_CONSOLE_URL it is the last address in X-Forwarded-For, which the proxy adds: a client can
    forge earlier ones.
    """
    console = console_of(request)
    peer = request.client.host if request.client else ""
    is_proxied = request.headers.get("host", "").lower() == urlsplit(console.settings.console_url).netloc
    named = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip() if is_proxied else peer
    try:
        address = ip_address(named)
    except ValueError:
        return peer
    address = getattr(address, "ipv4_mapped", None) or address
    return str(address if address.version == 4 else ip_network((address, _NETWORK), strict=False))


def set_cookie(request: HTTPConnection, response: Response, session: ConsoleSession | None) -> None:
    """Remove the cookie if the session is None.

    In development without TLS it lacks `Secure`, which Safari refuses from http://127.0.0.1.
    """
    value = console_of(request).sessions.cookie_of(session) if session else ""
    store_cookie(request, response, _cookie_name(request), value)


def store_cookie(request: HTTPConnection, response: Response, name: str, value: str) -> None:
    """Remove the cookie if the value is empty."""
    response.set_cookie(
        name,
        value,
        max_age=int(SESSION_LIFETIME.total_seconds()) if value else 0,
        secure=console_of(request).has_secure_cookies,
        httponly=True,
        samesite="strict",
    )


def _cookie_name(request: HTTPConnection) -> str:
    prefix = "__Host-" if console_of(request).has_secure_cookies else ""
    return prefix + cookie_name(request, "console")


async def _may_look(request: Request) -> ConsoleSession:
    """Check the CSRF token of requests that may change something."""
    session: ConsoleSession | None = request.state.session
    if session is None:
        raise HTTPException(401, "You are not logged in.")
    if request.method not in SAFE_METHODS:
        token = request.headers.get(_TOKEN)
        if token is None and _is_form(request):
            token = str((await request.form(max_fields=MOST_FIELDS)).get("csrf_token", ""))
        if not _is_token(token, session):
            await request.close()  # a file in the form
            raise HTTPException(403, _NO_TOKEN)
    return session


def _may_have_token(request: Request, session: ConsoleSession) -> bool:
    if request.method in SAFE_METHODS or request.url.path in PUBLIC:
        return True
    token = request.headers.get(_TOKEN)
    return _is_form(request) if token is None else _is_token(token, session)


def _is_token(token: str | None, session: ConsoleSession) -> bool:
    return hmac.compare_digest((token or "").encode(), session.csrf_token.encode())


def _is_form(request: Request) -> bool:
    is_encoded = request.headers.get("content-type", "").startswith(FORMS)
    return is_encoded and request.url.path.startswith(_WITH_FORMS)


async def _may_change(session: CanLook) -> ConsoleSession:
    if session.role != "change":
        raise HTTPException(403, "Your password lets you view things, but not change them.")
    return session


CanLook: TypeAlias = Annotated[ConsoleSession, Depends(_may_look)]
"""The session of somebody who may view pages and play simulated calls."""
CanChange: TypeAlias = Annotated[ConsoleSession, Depends(_may_change)]
"""The session of somebody who may change things."""
