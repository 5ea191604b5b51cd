"""What OpenTelemetry sends, and where to: by its own standard variables, and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final, TypeVar

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from structlog.typing import FilteringBoundLogger

PROTOCOL: Final = "http/protobuf"
"""The only one whose exporter is installed. Source: OpenTelemetry Protocol Exporter, OTEL_EXPORTER_OTLP_PROTOCOL."""

_NAME: Final = "ncco-server"
Exporter = TypeVar("Exporter")


def providers(environ: Mapping[str, str], log: FilteringBoundLogger) -> tuple[TracerProvider, MeterProvider] | None:
    """What makes spans and metrics, each sent where the environment says; None when nothing can be sent."""
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if protocol not in ("", PROTOCOL):
        cure = f"set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL}, and the endpoint to the port for it (4318)"
        log.warning("telemetry is off", problem=f"{protocol} is no protocol that is installed", cure=cure)
        return None
    spans = _exporter("OTEL_TRACES_EXPORTER", OTLPSpanExporter, ConsoleSpanExporter, environ, log)
    metrics = _exporter("OTEL_METRICS_EXPORTER", OTLPMetricExporter, ConsoleMetricExporter, environ, log)
    return make_providers(environ, spans, metrics) if spans is not None or metrics is not None else None


def make_providers(
    environ: Mapping[str, str], spans: SpanExporter | None, metrics: MetricExporter | None
) -> tuple[TracerProvider, MeterProvider]:
    """Providers that send to these exporters, and nothing for None."""
    resource = Resource.create(_about(environ))
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    if spans is not None:
        tracers.add_span_processor(BatchSpanProcessor(spans))
    readers = [PeriodicExportingMetricReader(metrics)] if metrics is not None else []
    return tracers, MeterProvider(readers, resource, shutdown_on_exit=False)


def _about(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment does not say of this process by itself."""
    is_named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {"service.version": version(_NAME)} | ({} if is_named else {"service.name": _NAME})


def _exporter(
    variable: str,
    otlp: Callable[[], Exporter],
    console: Callable[[], Exporter],
    environ: Mapping[str, str],
    log: FilteringBoundLogger,
) -> Exporter | None:
    """The exporter that a variable names, OTLP when it names none."""
    match environ.get(variable, "").strip():
        case "" | "otlp":
            return otlp()
        case "console":
            return console()
        case "none":
            return None
        case other:
            log.warning("telemetry is not sent", problem=f"{variable} is {other}", cure="write otlp, console or none")
            return None
