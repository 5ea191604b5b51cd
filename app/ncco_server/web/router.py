"""Serves calls in a FastAPI application of somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ncco_server.errors import AppError
from ncco_server.flow.handlers.api import CallFlow
from ncco_server.flow.handlers.given import given_handlers
from ncco_server.flow.handlers.reading import is_running_file
from ncco_server.settings import Settings, load_settings, require_safe
from ncco_server.web.app import create_app
from ncco_server.web.log import log_of_program
from ncco_server.web.webhook_http import error_response

_REST: Final = "{rest:path}"
PATHS: Final = (f"/webhooks/{_REST}", "/readyz")
_SCOPE: Final = (
    *("type", "asgi", "http_version", "method", "scheme", "query_string", "headers", "client", "server", "extensions"),
)
"""Frameworks keep their own things in a scope; the server's application needs only these."""


@dataclass(slots=True, eq=False)
class _Served:
    """The server's application at one of the router's paths.

    It is in a route, because older versions of FastAPI leave mounts out of a router that they include.
    """

    app: FastAPI
    path: str
    running: list[FastAPI]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.running:
            in_tests = 'with TestClient(app, client=("127.0.0.1", 50000)):'
            cure = f"include the router in the application that uvicorn runs; in tests, write `{in_tests}`"
            await error_response(503, "the lifespan of the application has not begun", cure)(scope, receive, send)
            return
        path = self.path.removesuffix(_REST) + scope["path_params"].get("rest", "")
        inner = {name: scope[name] for name in _SCOPE if name in scope}
        root = scope["path"].removesuffix(path)
        await self.app({**inner, "path": path, "raw_path": path.encode(), "root_path": root}, receive, send)


def ncco_router(*handlers: CallFlow, settings: Settings | None = None, dev: bool = False) -> APIRouter:
    """The webhooks of calls, for `app.include_router` of your own FastAPI application.

    Everything is as in the server: signatures, limits, dial rules, the store, reloads of flow files. The router opens
    the store and reads the flows when the application starts, and closes them when it ends. If the flows have errors
    and the store has no earlier ones, the application does not start. It serves `/webhooks/...` and `/readyz`, after
    the prefix that you include it with, if any; `NCCO_PUBLIC_URL` ends with the prefix. The log goes to the logger
    `ncco_server` of `logging`, or to structlog if you have configured it.

    Args:
        handlers: your handlers, with which calls in progress go on after a deployment, too. The flow files of
            `NCCO_FLOWS` belong to them.
        settings: checked settings; None for those of the environment and `.env`.
        dev: development mode: webhooks need no signature if `NCCO_HOST` is this machine, and callback URLs use the
            address of the request.

    Raises:
        SettingsError: the settings are wrong, or unsafe.
        ValueError: a handler has no file.
    """
    if is_running_file():  # the handler's file makes the application too; only its handler is wanted
        return APIRouter()
    settings = load_settings() if settings is None else settings
    require_safe(settings, dev, in_program=True)
    given = given_handlers(handlers, settings.flows)
    app = create_app(settings, dev=dev, log=log_of_program(), handlers=given, owns_process=False)
    running: list[FastAPI] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            library = app.state.webhooks.calls.library
            if library.last.has_errors and not (library.current.flows or library.is_stale):
                rejected = app.state.readiness.state()["rejected"]
                raise AppError("\n".join(["no call can be played", *rejected]), "run `ncco check`")
            running.append(app)
            try:
                yield
            finally:
                running.clear()

    router = APIRouter(lifespan=lifespan)
    for path in PATHS:
        router.routes.append(Route(path, _Served(app, path, running), include_in_schema=False))
    return router
