"""Builds the application from routes, middleware and error handlers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from secrets import token_hex
from typing import TYPE_CHECKING, Final, cast

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.service.calls import CallService
from app.settings import Settings
from app.web import health, webhooks
from app.web.health import ConsoleRedirect, Readiness
from app.web.lifespan import make_lifespan
from app.web.metrics import Metrics
from app.web.own_service import OwnService
from app.web.webhook_http import DEADLINE_S, WebhookConfig, error_response

if TYPE_CHECKING:
    from app.web.otel import Telemetry

ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_"))
EXPORTERS: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
_CURE: Final = 'pip install ".[otel]" in a copy of the repository, or remove the OTEL_ variables'


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces or metrics."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [environ.get(name, "").strip() for name in EXPORTERS]
    if all(exporter == "none" for exporter in exporters):
        return False
    return any(exporters) or any(environ.get(name, "").strip() for name in ENDPOINTS)


def find_telemetry(log: FilteringBoundLogger, environ: Mapping[str, str] = os.environ) -> Telemetry | None:
    """The telemetry that the environment asks for; None when it asks for none, or it cannot work, which is logged."""
    if not is_wanted(environ):
        return None
    try:
        start = import_module("app.web.otel").start
    except ImportError as error:
        log.warning("telemetry is off", problem=f"its packages cannot be imported: {error}", cure=_CURE)
        return None
    telemetry: Telemetry | None = start(environ, log)
    return telemetry


MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 100


class RequestHeadMiddleware:
    """Refuses request heads that are too large, normalises webhook paths, and closes connections while draining.

    Doubled and trailing slashes in the path of a webhook are ignored. While the server drains, it closes each
    connection after the response, so that clients connect to another host.
    """

    def __init__(self, app: ASGIApp, readiness: Readiness) -> None:
        self._app = app
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = scope["headers"], scope["path"]
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


def _closing(send: Send) -> Send:
    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return close


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
    server_id: str = "",
) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: checked already; the caller has called `require_safe`.
        service: serves the calls; the caller has opened its store and loaded its flows. None: a service is made from
            the settings, and opened and closed with the application.
        dev: development: documentation and metrics are served beside the webhooks, and callback URLs start with the
            address of the request unless there is a public one.
        metrics: counts webhooks, lookups and hooks; None: the application makes its own.
        deadline_s: seconds until a caller hears the failsafe NCCO.
        clock: returns the current time in UTC, timezone-aware.
        log: where to write; None: the log of the process.
        telemetry: traces webhooks, lookups and hooks. None: the `OTEL_...` variables decide; with a `service`, there
            is no telemetry.
        server_id: what `/healthz` shows, the same for all workers of a server; "": a random one.

    Raises:
        SettingsError: the service cannot be made from the settings.
    """
    lines: FilteringBoundLogger = structlog.get_logger() if log is None else log
    counters = metrics or Metrics(settings.commit)
    if telemetry is None and service is None:
        telemetry = find_telemetry(lines)
    own: OwnService | None = None
    if service is None:
        own = OwnService(settings, counters, lines.bind(), clock, telemetry)
        service = own.calls
    readiness = Readiness(service)
    config = WebhookConfig(settings, service, counters, lines.bind(), dev, deadline_s, clock, telemetry)
    app = FastAPI(
        title="NCCO server",
        description="Webhooks of Vonage voice calls.",
        version=version("ncco-server"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if dev else None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's would record exception messages
        routes=_routes(dev, settings.console_port if settings.has_console(dev) else None),
        lifespan=None if own is None else make_lifespan(config, own, readiness),
    )
    app.state.calls = service
    app.state.webhooks = config
    app.state.readiness = readiness
    app.state.server_id = server_id or token_hex(8)
    if telemetry is not None:
        app.add_middleware(telemetry.middleware)
    app.add_middleware(RequestHeadMiddleware, readiness=readiness)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _server_error)
    return app


def _routes(dev: bool, console_port: int | None) -> list[BaseRoute]:
    """The routes of all routers, in one list: FastAPI would match those of an included router twice."""
    routers = [webhooks.router, webhooks.rtc_router, health.router]
    if dev:
        routers.append(health.dev_router)
    routes = [route for router in routers for route in router.routes]
    if console_port is not None:
        routes.append(Route("/", ConsoleRedirect(console_port), include_in_schema=False))
    return routes


async def _http_error(request: Request, error: Exception) -> Response:
    """An unknown path, a wrong method, or anything else that the framework refuses, as JSON."""
    refused = cast(HTTPException, error)
    headers = {name.lower(): value for name, value in (refused.headers or {}).items()}
    if refused.status_code == 405 and request.url.path.startswith("/webhooks/"):
        headers["allow"] = "GET, POST"
    cure = _CURES.get(refused.status_code, "Look at the documentation.")
    return error_response(refused.status_code, str(refused.detail).lower(), cure, headers)


async def _server_error(_: Request, __: Exception) -> Response:
    """An unexpected error outside of the webhook routes, as JSON."""
    return error_response(500, "internal error", "Look at the server's log.")
