"""The login page, logout, the link that opens the console in development, and the choice of a view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from ncco_server.settings.logins import tidy_name
from ncco_studio.console.access import LOGIN, CanLook, client_of, is_near, login_page, set_cookie, store_cookie
from ncco_studio.console.audit import audit
from ncco_studio.console.pages import View, cookie_name, refused, view_of
from ncco_studio.console.passwords import TooManyLogins
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import TheConsole

FIRST_PAGES: Final[Mapping[View, str]] = {"owner": "/home", "developer": "/phone"}

router = APIRouter()


@router.get("/")
async def home(request: Request, console: TheConsole, token: str = "") -> Response:
    """Redirect to the first page. With the token of a link, this opens a session."""
    if not token:
        return RedirectResponse(FIRST_PAGES[view_of(request)], 302)
    sessions = console.sessions
    session = sessions.redeem(token, is_near=is_near(request))
    if session is None:
        if request.state.session is not None:  # the page was reloaded, or the link was opened twice
            return RedirectResponse("/", 303)
        audit(request, "console link refused", is_refused=True)
        problem = "This link is of an earlier start of the server, or not complete."
        if not is_near(request):
            problem = "This link is too old, or has already been used. Through a proxy or a tunnel, it works only once."
        cure = "Open the link that the server printed when it started, or run `ncco console link` for another one."
        return refused(request, 403, problem, cure)
    audit(request, "console login", session=session, by="link")
    return _redirected(request, "/", session)


@router.get(LOGIN)
async def show_login(request: Request, next: str = "/") -> Response:
    """Show the login page, unless the browser is logged in already."""
    if request.state.session is not None:
        return RedirectResponse(local_path(next), 303)
    return login_page(request, local_path(next))


@router.post(LOGIN)
async def log_in(
    request: Request,
    console: TheConsole,
    password: Annotated[str, Form(max_length=1000)] = "",
    name: Annotated[str, Form(max_length=100)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Log in with a name and its password, or with a shared password."""
    typed = tidy_name(name)
    names = {login.name for login in console.logins.current()}
    # An unknown name may be a password in the wrong field.
    known: dict[str, Any] = {"name": typed} if typed and typed in names else {}
    try:
        login = await console.passwords.matching(typed, password, client_of(request))
    except TooManyLogins:
        audit(request, "console login refused", is_refused=True, **known)
        problem = "Too many passwords are being tried. Try again in a moment."
        response = login_page(request, local_path(next), problem, 429)
        response.headers["Retry-After"] = "1"
        return response
    if login is None:
        audit(request, "console login failed", is_refused=True, problem="wrong password", **known)
        problem = "This name or password is wrong." if any(names) else "This password is wrong."
        return login_page(request, local_path(next), problem, 401)
    session = console.sessions.open(login)
    audit(request, "console login", session=session, by="password", role=session.role)
    return _redirected(request, local_path(next), session)


@router.post("/logout")
async def log_out(request: Request, _: CanLook) -> Response:
    """Remove the session from the browser. A copy of its cookie stays valid until the session ends."""
    audit(request, "console logout")
    return _redirected(request, LOGIN, None)


@router.post("/view")
async def choose_view(
    request: Request, view: Annotated[View, Form()], _: CanLook, next: Annotated[str, Form()] = "/"
) -> Response:
    """Remember the view in this browser, and show the same page in it."""
    response = RedirectResponse(local_path(next), 303)
    store_cookie(request, response, cookie_name(request, "view"), view)
    return response


def _redirected(request: Request, path: str, session: ConsoleSession | None) -> Response:
    response = RedirectResponse(path, 303)
    set_cookie(request, response, session)
    return response


def local_path(path: str) -> str:
    """Return `/` for anything that might not lead to a console page."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"
