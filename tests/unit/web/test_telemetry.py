"""Traces and metrics of OpenTelemetry: what they tell of webhooks, and what never."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import CapturingLogger
from structlog.typing import FilteringBoundLogger

from app.service.calls import CallService
from app.web import create_app
from app.web.app import find_telemetry, is_wanted
from app.web.otel import CLOSE_S, Telemetry, make_providers, providers, start
from tests.unit.service.receiver import Answer, Receiver, receiving
from tests.unit.web.fake_calls import FakeCalls, crash, settings_with

FLOW = """flow: desk
default: true
lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    returns: {name: text}
    default: {name: ""}
hooks:
  called: {post: "{{ env.CRM_URL }}/called"}
start: menu
steps:
  menu:
    lookup: customer
    send: called
    do: [{talk: "Press 1."}]
    choices: {sales: {dtmf: 1, goto: bye}}
    retry: {then: bye}
  bye:
    do: [{talk: Bye.}]
    goto: end
"""
LEG = "a-leg-that-no-random-id-holds"
CALL = {"to": "442079460000", "from": "447700900123", "uuid": LEG, "conversation_uuid": "CON-1"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Told:
    """What an `Telemetry` has told so far."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.otel = Telemetry(tracers, MeterProvider([self._reader], shutdown_on_exit=False))

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._spans.get_finished_spans() if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        (span,) = self.spans(name)
        return span

    @property
    def text(self) -> str:
        return "".join(span.to_json() for span in self._spans.get_finished_spans())

    def counts(self) -> dict[str, Any]:
        """How often each instrument was used."""
        data = self._reader.get_metrics_data()
        assert data is not None
        points: list[tuple[str, Any]] = [
            (metric.name, getattr(point, "count", None) or getattr(point, "value", 0))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]
        return {name: sum(count for known, count in points if known == name) for name, _ in points}


async def until(claim: Callable[[], bool]) -> None:
    """Wait for what comes a moment after the receiver has its hook."""
    async with asyncio.timeout(30):
        while not claim():  # noqa: ASYNC110 - an exporter tells nobody
            await asyncio.sleep(0.01)


def about(span: ReadableSpan) -> Mapping[str, Any]:
    return {name: value for name, value in (span.attributes or {}).items() if name not in ("ncco.revision", "ncco.ms")}


def ids(span: ReadableSpan) -> tuple[str, str]:
    """Trace and parent."""
    assert span.context is not None
    assert span.parent is not None
    return f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}"


def own_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def told() -> Told:
    return Told()


@asynccontextmanager
async def served(folder: Path, told: Told) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_with(
        flows=folder / "flows",
        templates=folder / "templates",
        database_url=f"sqlite:///{folder}/calls.db",
        reload=False,
    )
    app = create_app(settings, dev=True, telemetry=told.otel)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield client


@pytest_asyncio.fixture
async def client(
    tmp_path: Path, receiver: Receiver, told: Told, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(FLOW)
    monkeypatch.setenv("FLOW_CRM_URL", receiver.url)
    receiver.answering(Answer(404), Answer())
    async with served(tmp_path, told) as found:
        yield found


# A webhook


async def test_webhook_is_a_span_with_flow_step_and_outcome(client: httpx.AsyncClient, told: Told) -> None:
    await client.post("/webhooks/answer", json=CALL)

    span = told.span("webhook answer")
    assert SpanKind.SERVER == span.kind
    assert {
        "ncco.route": "answer",
        "ncco.kind": "answer",
        "ncco.outcome": "answer",
        "ncco.flow": "desk",
        "ncco.step": "menu",
        "ncco.heard_in": "",
        "ncco.repeat": False,
        "ncco.failsafe": False,
        "ncco.lookups": 1,
        "ncco.hooks": 1,
        "http.response.status_code": 200,
    } == about(span)
    assert 12 == len(str((span.attributes or {})["ncco.revision"]))
    assert StatusCode.UNSET == span.status.status_code


async def test_input_tells_the_step_that_heard_it(client: httpx.AsyncClient, told: Told) -> None:
    ncco = (await client.post("/webhooks/answer", json=CALL)).json()
    url = next(action["eventUrl"][0] for action in ncco if action["action"] == "input")
    await client.post(url, json={"dtmf": {"digits": "1", "timed_out": False}, "uuid": LEG})

    attributes = about(told.span("webhook input"))
    assert ("menu", "sales", "input-dtmf") == tuple(
        attributes[name] for name in ("ncco.heard_in", "ncco.outcome", "ncco.kind")
    )


async def test_webhook_goes_on_with_the_trace_that_it_names(client: httpx.AsyncClient, told: Told) -> None:
    await client.post("/webhooks/answer", json=CALL, headers={"traceparent": PARENT})

    assert (TRACE, "b7ad6b7169203331") == ids(told.span("webhook answer"))


async def test_webhook_without_a_trace_begins_one(client: httpx.AsyncClient, told: Told) -> None:
    await client.post("/webhooks/answer", json=CALL, headers={"traceparent": "no trace"})

    assert told.span("webhook answer").parent is None


# What it causes


async def test_look_up_is_a_span_within_and_carries_the_trace(
    client: httpx.AsyncClient, told: Told, receiver: Receiver
) -> None:
    await client.post("/webhooks/answer", json=CALL, headers={"traceparent": PARENT})

    span = told.span("look-up customer")
    assert (TRACE, own_id(told.span("webhook answer"))) == ids(span)
    assert {
        "ncco.lookup": "customer",
        "ncco.step": "menu",
        "server.address": "127.0.0.1",
        "ncco.result": "failed",
    } == about(span)
    assert StatusCode.ERROR == span.status.status_code
    assert f"00-{TRACE}-{own_id(span)}-01" == receiver.posts[0].headers["traceparent"]


async def test_hook_goes_out_in_the_trace_of_its_webhook(
    client: httpx.AsyncClient, told: Told, receiver: Receiver
) -> None:
    await client.post("/webhooks/answer", json=CALL, headers={"traceparent": PARENT})
    posts = await asyncio.to_thread(receiver.wait_for, 2)
    await until(lambda: bool(told.spans("hook called")))

    webhook = own_id(told.span("webhook answer"))
    assert f"00-{TRACE}-{webhook}-01" == posts[1].headers["traceparent"]
    assert (TRACE, webhook) == ids(told.span("hook called"))
    assert {
        "ncco.hook": "called",
        "ncco.try": 1,
        "server.address": "127.0.0.1",
        "ncco.outcome": "sent",
    } == about(told.span("hook called"))


async def test_hook_that_fails_is_an_error(client: httpx.AsyncClient, told: Told, receiver: Receiver) -> None:
    receiver.answering(Answer(404), Answer(500))
    await client.post("/webhooks/answer", json=CALL)
    await asyncio.to_thread(receiver.wait_for, 2)
    await until(lambda: bool(told.spans("hook called")))

    assert StatusCode.ERROR == told.span("hook called").status.status_code


async def test_durations_and_tries_are_counted(client: httpx.AsyncClient, told: Told, receiver: Receiver) -> None:
    await client.post("/webhooks/answer", json=CALL)
    await client.post("/webhooks/event", json={"status": "ringing", "uuid": LEG})
    await asyncio.to_thread(receiver.wait_for, 2)
    await until(lambda: "ncco.hook.tries" in told.counts())

    assert {"ncco.webhook.duration": 2, "ncco.lookup.duration": 1, "ncco.hook.tries": 1} == told.counts()


# What is never told


async def test_no_number_digit_or_word_of_a_caller_is_told(client: httpx.AsyncClient, told: Told) -> None:
    ncco = (await client.post("/webhooks/answer", json=CALL)).json()
    url = next(action["eventUrl"][0] for action in ncco if action["action"] == "input")
    said = {"speech": {"results": [{"text": "canary words", "confidence": "0.9"}]}, "uuid": LEG}
    await client.post(url, json=said)
    await client.post("/webhooks/event", json={"status": "canary-status", "uuid": LEG})
    await until(lambda: bool(told.spans("hook called")))

    assert 5 == told.text.count('"context"')
    for secret in ("447700900123", "442079460000", "canary", LEG, "CON-1", url.rpartition("/")[2]):
        assert secret not in told.text, secret
    assert "other" == about(told.span("webhook event"))["ncco.kind"]


async def test_fault_is_told_by_its_type_alone(told: Told) -> None:
    app = create_app(settings_with(), service=cast(CallService, FakeCalls(crash)), dev=True, telemetry=told.otel)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        await client.post("/webhooks/answer", json=CALL)

    span = told.span("webhook answer")
    assert "KeyError" == about(span)["error.type"]
    assert StatusCode.ERROR == span.status.status_code
    assert (0, False) == (len(span.events), "447700900123" in told.text)


async def test_application_that_fails_is_reported_by_its_type(told: Told) -> None:
    async def breaks(*_: Any) -> Any:
        raise OSError("447700900123")

    scope = {"type": "http", "path": "/webhooks/nowhere", "headers": []}
    with pytest.raises(OSError, match="447700900123"):
        await told.otel.middleware(breaks)(scope, breaks, breaks)

    assert "OSError" == about(told.span("webhook"))["error.type"]
    assert "447700900123" not in told.text


# On and off


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        (False, {}),
        (False, {"OTEL_SERVICE_NAME": "ncco"}),
        (True, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}),
        (True, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}),
        (True, {"OTEL_TRACES_EXPORTER": "console"}),
        (False, {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}),
        (False, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}),
    ],
)
def test_standard_variables_turn_it_on(expected: bool, environ: dict[str, str]) -> None:
    assert expected is is_wanted(environ)


def test_nothing_of_it_is_imported_while_nobody_asks() -> None:
    program = "import sys, app.web.server; print([name for name in sys.modules if 'opentelemetry.sdk' in name])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout


class Lines(CapturingLogger):
    """A log that keeps its warnings."""

    def text(self) -> str:
        return "\n".join(str(call) for call in self.calls)


@pytest.fixture
def lines() -> Lines:
    return Lines()


def log_of(lines: Lines) -> FilteringBoundLogger:
    return cast(FilteringBoundLogger, lines)


def test_it_is_off_while_nobody_asks(lines: Lines) -> None:
    assert find_telemetry(log_of(lines), {}) is None
    assert "" == lines.text()


def test_packages_that_are_missing_are_told(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "app.web.otel", raising=False)

    assert find_telemetry(log_of(lines), {"OTEL_TRACES_EXPORTER": "otlp"}) is None
    assert 'pip install ".[otel]"' in lines.text()


async def test_it_sends_where_the_environment_says(
    lines: Lines, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_SERVICE_NAME": "our-phones"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = find_telemetry(log_of(lines), environ)
    assert found is not None
    app = create_app(settings_with(), service=cast(CallService, FakeCalls(crash)), dev=True, telemetry=found)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        await client.post("/webhooks/answer", json=CALL)
    await found.close()

    assert {"/v1/traces", "/v1/metrics"} == set(receiver.paths)
    assert all(b"our-phones" in post.body for post in receiver.posts)
    assert "" == lines.text()


def test_exporters_may_be_left_out_or_be_unknown(lines: Lines) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "carrier-pigeon"}

    assert start(environ, log_of(lines)) is None
    assert "OTEL_METRICS_EXPORTER is carrier-pigeon" in lines.text()


def test_console_is_an_exporter(lines: Lines) -> None:
    found = providers({"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}, log_of(lines))

    assert found is not None
    assert "ncco-server" == found[0].resource.attributes["service.name"]
    found[0].shutdown()


def test_protocol_that_is_not_installed_is_told(lines: Lines) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    assert find_telemetry(log_of(lines), environ) is None
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in lines.text()


def test_processes_are_told_apart() -> None:
    first, second = (make_providers({}, None, None)[0].resource.attributes for _ in range(2))

    assert "ncco-server" == first["service.name"]
    assert first["service.version"] == second["service.version"]
    assert {"service.instance.id"} <= first.keys()


async def test_receiver_that_is_away_keeps_nobody_waiting() -> None:
    held = threading.Event()

    class Stuck(TracerProvider):
        def shutdown(self) -> None:
            held.wait(60)

    otel = Telemetry(Stuck(shutdown_on_exit=False), MeterProvider(shutdown_on_exit=False))
    loop = asyncio.get_running_loop()
    before = loop.time()
    await otel.close()
    took = loop.time() - before
    held.set()

    assert CLOSE_S <= took < 30
