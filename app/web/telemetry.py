"""Traces and metrics for OpenTelemetry: on when the environment asks for them and the packages are there.

Only the standard variables count (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, ...). While they are not set,
nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final, Protocol, cast

import httpx
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from app.service.lookups import LookupAnswerer
from app.service.outbox import Post
from app.web.answers import Answer

ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_"))
EXPORTERS: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
_CURE: Final = 'pip install "ncco-server[otel]", or take the OTEL_ variables away'


class Telemetry(Protocol):
    """What follows webhooks through the server. No digits, words or numbers of callers are in what it tells."""

    def around(self, door: ASGIApp) -> ASGIApp:
        """The door, with a span around each webhook: a child of what its `traceparent` names."""

    def asking(self, asking: LookupAnswerer) -> LookupAnswerer:
        """What asks look-ups, with a span around each."""

    def posting(self, post: Post) -> Post:
        """What sends hooks, with a span around each try, in the trace of the webhook that caused it."""

    def mark(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """The client, whose requests from now on carry the trace context."""

    def webhook(self, answer: Answer, seconds: float, route: str) -> None:
        """A webhook was answered, within the span around it."""

    async def close(self) -> None:
        """Send what was not sent yet, for a few seconds at most."""


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces or metrics."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [environ.get(name, "").strip() for name in EXPORTERS]
    if all(exporter == "none" for exporter in exporters):
        return False
    return any(exporters) or any(environ.get(name, "").strip() for name in ENDPOINTS)


def find_telemetry(log: FilteringBoundLogger, environ: Mapping[str, str] = os.environ) -> Telemetry | None:
    """What follows webhooks; None when nobody asks for it, or when it cannot, which the log then says."""
    if not is_wanted(environ):
        return None
    try:
        start = import_module("app.web.otel").start
    except ImportError as error:
        log.warning("telemetry is off", problem=f"its packages cannot be imported: {error}", cure=_CURE)
        return None
    return cast("Telemetry | None", start(environ, log))
