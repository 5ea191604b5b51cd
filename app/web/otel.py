"""OpenTelemetry: a span for each webhook, lookup and hook, and their durations as metrics.

No digits, words or numbers of callers are in them. Needs opentelemetry-sdk (`pip install ".[otel]"`); only
`app.web.app` imports this module.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from typing import Final, TypeVar

import httpx
import orjson
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.engine import Lookup, LookupAnswer
from app.service.delivery import TRACED, Reply, TracedWebhook
from app.service.lookups import Ask
from app.service.outbox import Post, Verdict
from app.store import HookRow
from app.web.metrics import KINDS, ROUTES, result_of

CLOSE_S: Final = 3.0
"""Seconds that sending what is left may take when the server stops."""

PROTOCOL: Final = "http/protobuf"
"""The only one whose exporter is installed. Source: OpenTelemetry Protocol Exporter, OTEL_EXPORTER_OTLP_PROTOCOL."""

_NAME: Final = "ncco-server"
_CONTEXT: Final = TraceContextTextMapPropagator()
_TRACE_HEADERS: Final = ("traceparent", "tracestate")
Exporter = TypeVar("Exporter")


def start(environ: Mapping[str, str], log: FilteringBoundLogger) -> Telemetry | None:
    """The telemetry that the environment asks for. None, with a line in the log, when it cannot be started."""
    found = providers(environ, log)
    return Telemetry(*found) if found is not None else None


class Telemetry:
    """Follows webhooks, lookups and hooks.

    Args:
        tracers: makes spans. meters: makes instruments. Both are closed with this.
    """

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self._tracers = tracers
        self._meters = meters
        self._tracer = tracers.get_tracer(_NAME, version(_NAME))
        meter = meters.get_meter(_NAME, version(_NAME))
        self._webhooks = meter.create_histogram("ncco.webhook.duration", "s", "Time to answer a webhook")
        self._lookups = meter.create_histogram("ncco.lookup.duration", "s", "Time to ask a lookup")
        self._hooks = meter.create_counter("ncco.hook.tries", "{try}", "Tries to send a hook")

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """The application, with a span around each webhook: a child of what its `traceparent` names."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith("/webhooks/"):
                await app(scope, receive, send)
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            route = scope["path"].split("/")[2]
            with self._span(f"webhook {route}" if route in ROUTES else "webhook", SpanKind.SERVER, headers) as span:
                sent: dict[str, str] = {}
                _CONTEXT.inject(sent)
                traced_webhook = TracedWebhook(sent)
                token = TRACED.set(traced_webhook)
                try:
                    await app(scope, receive, send)
                finally:
                    TRACED.reset(token)
                    span.set_attributes({"ncco.lookups": traced_webhook.lookups, "ncco.hooks": traced_webhook.hooks})

        return traced

    def traced_lookups(self, ask: Ask) -> Ask:
        """What answers lookups, with a span around each."""

        async def traced(lookup: Lookup, left_ms: float) -> LookupAnswer:
            if (webhook := TRACED.get()) is not None:
                webhook.lookups += 1
            with self._span(f"look-up {lookup.name}", SpanKind.CLIENT) as span:
                address = lookup.request.function or _host(lookup.request.url)
                span.set_attributes({"ncco.lookup": lookup.name, "ncco.step": lookup.step, "server.address": address})
                answer = await ask(lookup, left_ms)
                result = result_of(answer)
                self._lookups.record(answer.ms / 1000, {"ncco.lookup": lookup.name, "ncco.result": result})
                span.set_attributes({"ncco.result": result, "ncco.ms": answer.ms})
                if answer.problem:
                    span.set_status(StatusCode.ERROR)
            return answer

        return traced

    def traced_hooks(self, post: Post) -> Post:
        """What sends hooks, with a span around each try."""

        async def traced(hook: HookRow, now: datetime) -> Verdict:
            with self._span(f"hook {hook.name}", SpanKind.PRODUCER, orjson.loads(hook.headers)) as span:
                span.set_attributes({"ncco.hook": hook.name, "ncco.try": hook.tries, "server.address": _host(hook.url)})
                verdict = await post(hook, now)
                span.set_attribute("ncco.outcome", verdict.outcome)
                if verdict.outcome != "sent":
                    span.set_status(StatusCode.ERROR)
            self._hooks.add(1, {"ncco.outcome": verdict.outcome})
            return verdict

        return traced

    def mark(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """The client, whose requests carry the trace context."""

        async def inject(request: httpx.Request) -> None:
            _CONTEXT.inject(request.headers)

        client.event_hooks = {"request": [inject]}
        return client

    def webhook(self, route: str, reply: Reply, status: int, seconds: float, error: BaseException | None) -> None:
        """Record on the current span what the webhook was, and the type of the exception behind its reply."""
        kind = reply.kind if reply.kind in KINDS else "other"
        about: dict[str, AttributeValue] = {"ncco.route": route, "ncco.kind": kind, "ncco.outcome": reply.outcome}
        self._webhooks.record(seconds, about)
        span = trace.get_current_span()
        span.set_attributes(
            {
                **about,
                "ncco.flow": reply.flow,
                "ncco.revision": reply.revision[:12],
                "ncco.step": reply.step,
                "ncco.heard_in": reply.heard_in,
                "ncco.repeat": reply.is_repeat,
                "ncco.failsafe": reply.is_failsafe,
                "http.response.status_code": status,
            }
        )
        if error is not None:  # its type alone: its text may hold what a caller said
            span.set_attribute("error.type", type(error).__name__)
        if error is not None or reply.is_failsafe or status >= 500:
            span.set_status(StatusCode.ERROR)

    @contextmanager
    def _span(self, name: str, kind: SpanKind, headers: Mapping[str, object] | None = None) -> Iterator[Span]:
        """The current span within, in the trace that `headers` name.

        The text of an exception is not recorded: it may hold what a caller said.
        """
        parent: Context | None = None
        if headers is not None:
            parent = _CONTEXT.extract({name: str(headers[name]) for name in _TRACE_HEADERS if name in headers})
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    async def close(self) -> None:
        """Send what is left, for at most `CLOSE_S` seconds: an unavailable collector must not delay the shutdown."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            self._tracers.shutdown()
            self._meters.shutdown(timeout_millis=CLOSE_S * 1000)
            with suppress(RuntimeError):  # the loop did not wait so long
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=close, name="end of telemetry", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await ended.wait()


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""


def providers(environ: Mapping[str, str], log: FilteringBoundLogger) -> tuple[TracerProvider, MeterProvider] | None:
    """The providers of spans and metrics, with the exporters that the environment names; None without any exporter."""
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if protocol not in ("", PROTOCOL):
        cure = f"set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL}, and the endpoint to the port for it (4318)"
        log.warning("telemetry is off", problem=f"{protocol} is not an installed protocol", cure=cure)
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
    """The resource attributes that the environment does not set itself."""
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
