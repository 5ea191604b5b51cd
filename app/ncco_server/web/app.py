"""Builds the application from routes, middleware and error handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from secrets import token_hex
from typing import Final, cast

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from ncco_server.service.calls import CallService
from ncco_server.settings import Settings, load_settings, require_safe
from ncco_server.version import VERSION
from ncco_server.web import health, webhooks
from ncco_server.web.health import Readiness
from ncco_server.web.lifespan import make_lifespan
from ncco_server.web.log import WriteLine, configure_log, with_log_form, writing_to
from ncco_server.web.methods import HeadMiddleware, allow_header
from ncco_server.web.metrics import Metrics
from ncco_server.web.openapi import document_of
from ncco_server.web.own_service import OwnService
from ncco_server.web.spans import shorten_url
from ncco_server.web.webhook_http import DEADLINE_S, WebhookConfig, error_response


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
        shorten_url(path)
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
    404: (
        "The webhook URLs are /webhooks/answer, /webhooks/event and /webhooks/fallback; /healthz and /readyz exist too."
    ),
    405: "See the Allow header.",
}

_ROUTES: Final = (*webhooks.router.routes, *webhooks.rtc_router.routes, *health.router.routes)
"""`RequestHeadMiddleware` serves those of webhooks earlier; `/docs` and traces find them here."""


def create_app(
    settings: Settings | None = None,
    *,
    service: CallService | None = None,
    dev: bool = False,
    metrics: Metrics | None = None,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    log: FilteringBoundLogger | None = None,
    write_line: WriteLine | None = None,
    handlers: Sequence[str] = (),
    owns_process: bool = True,
) -> FastAPI:
    """Make the server, as an ASGI application. Raises SettingsError.

    Args:
        settings: checked settings; `require_safe` has been called. None to read and check those of the environment and
            `.env`, and to log as they say: for `uvicorn ncco_server.web.app:create_app --factory`.
        service: has an open store and loaded flows; None to make it from the settings, and open and close it with the
            application.
        dev: development mode: documentation and metrics are served on the webhooks' port, and without a public URL
            callback URLs use the address of the request.
        metrics: None to use new counters.
        deadline_s: seconds until a webhook is answered with 503, so that Vonage asks the fallback URL or repeats it.
        clock: returns the current time, in UTC.
        log: None for the log of the process.
        write_line: writes the line of each webhook; None to use `log`.
        handlers: handlers that the caller gives as objects; see `flow.handlers.given`.
        owns_process: whether signals, garbage collection and systemd are its business.
    """
    if settings is None:
        settings = load_settings()
        require_safe(settings, dev)
        settings = with_log_form(settings)
        write_line = write_line or configure_log(settings)
    settings = settings.with_absolute_paths()
    lines: FilteringBoundLogger = structlog.get_logger() if log is None else log
    counters = metrics or Metrics()
    own: OwnService | None = None
    if service is None:
        own = OwnService(settings, counters, lines.bind(), clock, handlers, dev=dev)
        service = own.calls
    readiness = Readiness(service)
    line_of_webhook = write_line or writing_to(lines.bind())
    config = WebhookConfig(settings, service, counters, lines.bind(), line_of_webhook, dev, deadline_s, clock)
    app = FastAPI(
        title="NCCO server",
        description="Webhooks of Vonage voice calls.",
        version=VERSION,
        docs_url="/docs" if dev else None,
        redoc_url=None,
        openapi_url="/openapi.json" if dev else None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's own handler would log exceptions
        lifespan=None if own is None else make_lifespan(config, own, readiness, owns_process=owns_process),
    )
    app.state.webhooks = config
    app.state.readiness = readiness
    app.state.server_id = token_hex(8)
    app.routes.extend(_ROUTES)
    if dev:
        app.include_router(health.dev_router)
    if settings.has_console(dev):
        app.include_router(health.console_router)
    app.openapi = partial(document_of, app)  # type: ignore[method-assign]  # as FastAPI documents it
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RequestHeadMiddleware, readiness=readiness, webhooks=webhooks.router.routes)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _server_error)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    refused = cast(HTTPException, error)
    headers = allow_header(request) if refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED else refused.headers
    cure = _CURES.get(refused.status_code, "See the documentation.")
    return error_response(refused.status_code, str(refused.detail).lower(), cure, headers)


async def _server_error(_: Request, __: Exception) -> Response:
    return error_response(500, "internal error", "See the server's log.")
