"""OpenTelemetry: a span for each webhook, look-up and hook, and their durations as metrics.

Needs opentelemetry-sdk: `pip install "ncco-server[otel]"`. Only `app.web.telemetry` imports this module.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from typing import Final

import httpx
import orjson
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import LookupRequest
from app.service.carried import CARRIED, Carried
from app.service.lookups import LookupAnswerer
from app.service.outbox import Post, Verdict
from app.store import HookRow
from app.web.answers import Answer
from app.web.metrics import KINDS, result_of
from app.web.otel_setup import providers
from app.web.routes import find

CLOSE_S: Final = 3.0
"""Seconds that sending what is left may take when the server stops."""

_NAME: Final = "ncco-server"
_CONTEXT: Final = TraceContextTextMapPropagator()
_CARRIED: Final = (b"traceparent", b"tracestate")


def start(environ: Mapping[str, str], log: FilteringBoundLogger) -> Otel | None:
    """Telemetry as the environment says; None when that cannot be, which the log then says."""
    found = providers(environ, log)
    return Otel(*found) if found is not None else None


class Otel:
    """See `app.web.telemetry.Telemetry`.

    Args:
        tracers: makes spans. meters: makes instruments. Both are closed with this.
    """

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self._tracers = tracers
        self._meters = meters
        self._tracer = tracers.get_tracer(_NAME, version(_NAME))
        meter = meters.get_meter(_NAME, version(_NAME))
        self._webhooks = meter.create_histogram("ncco.webhook.duration", "s", "Time to answer a webhook")
        self._lookups = meter.create_histogram("ncco.lookup.duration", "s", "Time to ask a look-up")
        self._hooks = meter.create_counter("ncco.hook.tries", "{try}", "Tries to send a hook")

    def around(self, door: ASGIApp) -> ASGIApp:
        """The door, with a span around each webhook."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            parent = _CONTEXT.extract(_headers(scope))
            found = find(scope["path"])
            name = f"webhook {found[0].name}" if found is not None else "webhook"
            with self._span(name, SpanKind.SERVER, parent) as span:
                headers: dict[str, str] = {}
                _CONTEXT.inject(headers)
                carried = Carried(headers)
                token = CARRIED.set(carried)
                try:
                    await door(scope, receive, send)
                finally:
                    CARRIED.reset(token)
                    span.set_attributes({"ncco.lookups": carried.lookups, "ncco.hooks": carried.hooks})

        return traced

    def asking(self, asking: LookupAnswerer) -> LookupAnswerer:
        """What asks look-ups, with a span around each."""
        return _TracedAsking(asking, self)

    def posting(self, post: Post) -> Post:
        """What sends hooks, with a span around each try."""

        async def traced(hook: HookRow, now: datetime) -> Verdict:
            with self._span(f"hook {hook.name}", SpanKind.PRODUCER, _CONTEXT.extract(_carried_by(hook))) as span:
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

    def webhook(self, answer: Answer, seconds: float, route: str) -> None:
        """A webhook was answered: what it was, on the span around it."""
        reply = answer.reply
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
                "http.response.status_code": answer.status,
            }
        )
        if answer.error is not None:  # its type alone: its text may hold what a caller said
            span.set_attribute("error.type", type(answer.error).__name__)
        if answer.error is not None or reply.is_failsafe or answer.status >= 500:
            span.set_status(StatusCode.ERROR)

    def looked_up(self, lookup: Lookup, answer: LookupAnswer) -> None:
        """A look-up was asked, within the span around it."""
        result = result_of(answer)
        self._lookups.record(answer.ms / 1000, {"ncco.lookup": lookup.name, "ncco.result": result})
        span = trace.get_current_span()
        span.set_attributes({"ncco.result": result, "ncco.ms": answer.ms})
        if answer.problem:
            span.set_status(StatusCode.ERROR)

    @contextmanager
    def look_up_span(self, lookup: Lookup) -> Iterator[Span]:
        """A span around a look-up."""
        with self._span(f"look-up {lookup.name}", SpanKind.CLIENT) as span:
            span.set_attributes(
                {"ncco.lookup": lookup.name, "ncco.step": lookup.step, "server.address": _asked(lookup.request)}
            )
            yield span

    @contextmanager
    def _span(self, name: str, kind: SpanKind, parent: Context | None = None) -> Iterator[Span]:
        """The current span within. An exception is not told with its text, which may hold what a caller said."""
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
        """Send what is left. A receiver that is away must not keep the server from ending: nobody waits for long."""
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


class _TracedAsking:
    """Asks as `asking` does, with a span around each look-up."""

    def __init__(self, asking: LookupAnswerer, otel: Otel) -> None:
        self._asking = asking
        self._otel = otel
        self.clock = asking.clock

    @property
    def budget_ms(self) -> int:
        """What all look-ups of a turn may take together."""
        return self._asking.budget_ms

    async def answer(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        """What comes of it within `left_ms`. Never raises."""
        carried = CARRIED.get()
        if carried is not None:
            carried.lookups += 1
        with self._otel.look_up_span(lookup):
            answer = await self._asking.answer(lookup, left_ms)
            self._otel.looked_up(lookup, answer)
        return answer


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}


def _carried_by(hook: HookRow) -> Mapping[str, str]:
    headers = orjson.loads(hook.headers)
    return {name: str(headers[name]) for name in ("traceparent", "tracestate") if name in headers}


def _asked(request: LookupRequest) -> str:
    return request.function or _host(request.url)


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""
