"""Builds the application of the console."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, cast

import structlog
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as FrameworkRefusal
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from ncco_server.errors import StoreError
from ncco_server.service.overview import Overview
from ncco_server.settings import Settings
from ncco_server.settings.secrets import console_keys
from ncco_server.store import open_store
from ncco_server.wording import as_sentence
from ncco_studio.console import (
    calls,
    editor,
    flows,
    health,
    history,
    home,
    login,
    messages,
    new_flow,
    placed,
    report,
    tables,
)
from ncco_studio.console.access import RequireSession
from ncco_studio.console.caches import NOT_KNOWN, ResultCache, Served, ServerReader
from ncco_studio.console.change import page as change
from ncco_studio.console.guard import HEADERS, Guard
from ncco_studio.console.pages import STATIC, refused, wants_page
from ncco_studio.console.passwords import Logins, Passwords
from ncco_studio.console.phone import page as phone
from ncco_studio.console.phone.calls import PhoneCalls
from ncco_studio.console.phone.incoming import IncomingCalls
from ncco_studio.console.sessions import Sessions
from ncco_studio.console.state import Console
from ncco_studio.editor import language
from ncco_studio.editor.project import ProjectFolder
from ncco_studio.editor.worker import Worker

MOST_RESULTS: Final = 64
"""Cached counts of calls for pictures, checks, and lists."""
_PAGES: Final = APIRouter()
"""The routes of all consoles of this process."""
for _module in (
    login,
    home,
    messages,
    phone,
    flows,
    new_flow,
    placed,
    calls,
    report,
    tables,
    change,
    health,
    history,
    editor,
):
    _PAGES.include_router(_module.router)


def create_console(
    settings: Settings,
    served: Served = NOT_KNOWN,
    *,
    dev: bool = False,
    keys: Sequence[bytes] = (),
    links_since: datetime | None = None,
    proxied_since: datetime | None = None,
    incoming: IncomingCalls | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The console as an ASGI application.

    Args:
        settings: already checked.
        served: the server beside this console.
        dev: whether this is development mode.
        keys: sign sessions and, in development, links; by default the keys in the settings.
        links_since: see `Sessions`; None for now.
        proxied_since: see `Sessions`.
        incoming: rings for the calls that the server places in development; None if it places none here.
        clock: returns the current time in UTC.
    """
    settings = settings.with_absolute_paths()
    app = FastAPI(
        title="NCCO console",
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # URLs of its pages contain search terms
        lifespan=_lifespan,
    )
    logins = Logins(settings.console_logins, settings.shared_logins)
    store = open_store(settings.database_url)
    app.state.console = Console(
        settings=settings,
        dev=dev,
        has_secure_cookies=not dev or settings.console_url.startswith("https:"),
        project=ProjectFolder(
            settings.flows,
            settings.templates,
            settings.flow_env,
            settings.python_lookups,
            settings.python_flows,
            default=settings.default,
        ),
        phone_calls=PhoneCalls(),
        incoming=incoming,
        results=ResultCache(MOST_RESULTS),
        server=ServerReader(served),
        store=store,
        overview=Overview(store),
        logins=logins,
        passwords=Passwords(logins.current, clock),
        sessions=Sessions(
            keys or console_keys(settings),
            logins.current,
            clock,
            links_since or clock(),
            has_links=dev,
            proxied_since=proxied_since,
        ),
        worker=Worker(module=language),
    )
    app.routes.extend(_PAGES.routes)
    # Pages are not compressed: their size would reveal something about tokens in them (BREACH).
    app.mount("/static/{version}", GZipMiddleware(StaticFiles(directory=STATIC)), name="static")
    app.add_middleware(RequireSession)
    app.add_middleware(Guard, url=settings.console_url)
    app.add_exception_handler(FrameworkRefusal, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(Exception, _server_error)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    console: Console = app.state.console
    await console.read_project()  # pages show times and numbers as its line does
    serving = None
    if console.incoming is not None:
        serving = asyncio.create_task(console.incoming.serve())
        serving.add_done_callback(_log_failure)
    yield
    if serving is not None:
        serving.cancel()
        await asyncio.wait([serving])
    await console.close()


def _log_failure(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and (error := serving.exception()) is not None:
        cure = "restart the server to place calls again"
        structlog.get_logger().error("virtual Vonage failed", problem=f"{type(error).__name__}: {error}", cure=cure)


_PROBLEMS: Final = {
    404: ("There is no such page.", "Check the address. The page may have been deleted or renamed."),
    405: ("This address does not accept this kind of request.", "Use the console's pages."),
}


async def _http_error(request: Request, error: Exception) -> Response:
    refusal = cast(FrameworkRefusal, error)
    problem, cure = _PROBLEMS.get(refusal.status_code, ("", ""))
    is_ours = isinstance(refusal, HTTPException)  # the details of the framework's own errors say nothing
    shown = refusal.detail if is_ours or not problem else problem
    return refused(request, refusal.status_code, shown, cure, refusal.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    fault = cast(RequestValidationError, error)
    if not wants_page(request):  # without the input, which may not be Unicode or JSON
        details = [{name: each[name] for name in ("type", "loc", "msg")} for each in fault.errors()]
        return JSONResponse({"detail": details}, 422)
    problem = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in fault.errors())
    return refused(request, 422, problem, "Go back and enter something else, or check the address.")


async def _store_error(request: Request, error: Exception) -> Response:
    away = cast(StoreError, error)
    cure = away.cure or "try again in a moment"
    return refused(request, 503, f"The database cannot be used: {away}.", f"{as_sentence(cure)}.")


async def _server_error(request: Request, _: Exception) -> Response:
    problem = "Something went wrong in the console."
    cure = "Try again. The server's log has the details."
    return refused(request, 500, problem, cure, HEADERS | {"Cache-Control": "no-store"})
