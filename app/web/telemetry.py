"""Traces and metrics for OpenTelemetry: on when the environment asks for them and the packages are installed.

Only the standard variables count (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, ...). While they are not set,
nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

if TYPE_CHECKING:
    from app.web.otel import Telemetry

ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_"))
EXPORTERS: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
_CURE: Final = 'pip install "ncco-server[otel]", or remove the OTEL_ variables'


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
