"""The application: routers, middleware and error handlers put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from structlog.typing import FilteringBoundLogger

from app.flow.loader import load_files
from app.service.calls import CallService
from app.service.library import Library
from app.settings import Settings
from app.store import open_store
from app.web import api_docs, health, webhooks
from app.web.drain import Drain
from app.web.lifespan import make_lifespan
from app.web.metrics import Metrics
from app.web.middleware import RequestHeadMiddleware
from app.web.responses import Failures, error_response
from app.web.telemetry import find_telemetry
from app.web.webhooks import DEADLINE_S, WebhookConfig

if TYPE_CHECKING:
    from app.web.otel import Telemetry

_CURES = {
    404: "Vonage's URLs are /webhooks/answer, /webhooks/event and /webhooks/fallback; others are /healthz and /readyz.",
    405: "Look at the Allow header.",
}


def create_app(
    settings: Settings,
    *,
    service: CallService | None = None,
    dev: bool = False,
    metrics: Metrics | None = None,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    log: FilteringBoundLogger | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: checked already; the caller has called `require_safe`.
        service: takes the calls; the caller has opened its store and loaded its flows. None: one is made from the
            settings, and opened and closed with the application.
        dev: development: documentation and metrics are served beside the webhooks, and callback URLs start with the
            address of the request unless there is a public one.
        metrics: where to count; None: counters of its own.
        deadline_s: seconds until a caller hears the failsafe NCCO.
        clock: the time, aware, UTC: of webhooks, of the age of their signatures, and of hooks.
        log: where to write; None: the log of the process.
        telemetry: traces webhooks, lookups and hooks; None: as the environment says (`OTEL_...`), unless the caller
            brings a service.

    Raises:
        SettingsError: the service cannot be made from the settings.
    """
    lines: FilteringBoundLogger = structlog.get_logger() if log is None else log
    counters, drain = metrics or Metrics(), Drain()
    if telemetry is None and service is None:
        telemetry = find_telemetry(lines)
    calls = service or make_service(settings)
    readiness = health.Readiness(calls, drain)
    failures = Failures(calls.failsafe, settings.body_limit, deadline_s)
    config = WebhookConfig(settings, calls, counters, lines.bind(), failures, dev, deadline_s, clock, telemetry)
    app = FastAPI(
        title="NCCO server",
        description="Webhooks of Vonage voice calls.",
        version=version("ncco-server"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if dev else None,
        redirect_slashes=False,
        routes=_routes(dev),
        lifespan=make_lifespan(config, calls, readiness, drain) if service is None else None,
    )
    app.state.calls = calls
    app.state.webhooks = config
    app.state.readiness = readiness
    if telemetry is not None:
        app.add_middleware(telemetry.middleware)
    app.add_middleware(RequestHeadMiddleware, drain=drain)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _server_error)
    return app


def _routes(dev: bool) -> list[BaseRoute]:
    """The routes of all routers, in one list: FastAPI would match those of an included router twice."""
    routers = [webhooks.router, webhooks.rtc_router, health.router]
    if dev:
        routers += [health.metrics_router, api_docs.router]
    return [route for router in routers for route in router.routes]


def make_service(settings: Settings) -> CallService:
    """The service of the settings; its store is not open and its flows are not loaded. Raises SettingsError."""
    policy = settings.policy()
    store = open_store(settings.database_url)
    library = Library(store, lambda: load_files(settings.flows, settings.templates, policy.env))
    return CallService(store, library, policy)


async def _http_error(request: Request, error: Exception) -> Response:
    """An unknown path, a wrong method, or anything else that the framework refuses, as JSON."""
    refused = cast(HTTPException, error)
    headers = {name.lower(): value for name, value in (refused.headers or {}).items()}
    if refused.status_code == 405 and request.url.path.startswith("/webhooks/"):
        headers["allow"] = "GET, POST"
    cure = _CURES.get(refused.status_code, "Look at the documentation.")
    return error_response(refused.status_code, str(refused.detail).lower(), cure, headers)


async def _server_error(_: Request, __: Exception) -> Response:
    """A fault of ours on a page that no caller waits for, as JSON."""
    return error_response(500, "internal error", "Look at the server's log.")
