"""OpenTelemetry's standard instrumentation reports which webhook came, and nothing about its caller."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ncco_server.service.calls import CallService
from ncco_server.web import create_app
from tests.support import loopback
from tests.support.fork_server import NCCO
from tests.support.server import free_port, running_server
from tests.support.waiting import happens
from tests.system.server.security.canary_host import PROJECT
from tests.unit.server.web.fake_calls import FakeCalls, crash, settings_with

INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
CALLER, LEG, KEYS = "447700900123", "a-leg-that-no-random-id-holds", "840217395"
CALL = {"to": "442079460000", "from": CALLER, "uuid": LEG, "conversation_uuid": "CON-1"}
CONVENTIONS = pytest.mark.parametrize("conventions", ["", "http/dup"])
"""Values of OTEL_SEMCONV_STABILITY_OPT_IN, which select the attribute names: the old ones, or both."""
TRACED_SERVER = (INSTRUMENT, NCCO, "serve")


def spans_in(printed: str) -> Iterator[dict[str, Any]]:
    """The spans that the console exporter has printed, among the lines of the log."""
    decoder, at = json.JSONDecoder(), printed.find("{\n")
    while at >= 0:
        span, end = decoder.raw_decode(printed, at)
        yield span
        at = printed.find("{\n", end)


TRACED = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "NCCO_LOG_LEVEL": "error",
    "FLOW_CRM_URL": "http://127.0.0.1:9",
    "NCCO_PYTHON_LOOKUPS": "canary_functions",
    "NCCO_PYTHON_FLOWS": "teller.py",
}


@CONVENTIONS
def test_no_number_token_or_keypress_is_in_a_span(tmp_path: Path, conventions: str) -> None:
    settings = {
        **TRACED,
        "NCCO_INSECURE": "1",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "OTEL_SEMCONV_STABILITY_OPT_IN": conventions,
    }
    with running_server(tmp_path, "--port", "0", cwd=PROJECT, env=settings, program=TRACED_SERVER) as server:
        base = f"http://{server.address}"
        ncco = loopback.post(f"{base}/webhooks/answer/keys", json=CALL).json()
        wait = httpx.URL(ncco[1]["eventUrl"][0]).path
        loopback.post(base + wait, json={"dtmf": {"digits": KEYS}, "uuid": LEG})
        for path in (wait, f"/{wait}", f"{wait}/more", f"/other{wait}", "/webhooks/answer/echo", "/healthz"):
            loopback.get(base + path, params={**CALL, "dtmf": KEYS})
        assert 0 == server.stop()
        assert happens(lambda: '"/healthz"' in server.printed)
        spans = list(spans_in(server.printed))

    servers = [span for span in spans if span["kind"] == "SpanKind.SERVER"]
    assert 7 == sum(span["name"] != "GET /healthz" for span in servers)  # that is also asked until the server answers
    assert {"POST /webhooks/answer/{flow}", "POST /webhooks/input/{wait}"} <= {span["name"] for span in servers}
    paths = {span["attributes"].get("http.target") or span["attributes"]["url.path"] for span in servers}
    assert {"/webhooks/answer", "/webhooks/input", "/other/webhooks", "/healthz"} == paths
    told = json.dumps(spans)
    assert [] == [secret for secret in (CALLER, "442079460000", KEYS, LEG, wait.rpartition("/")[2]) if secret in told]


def test_pages_of_the_console_have_no_spans(tmp_path: Path) -> None:
    settings = {**TRACED, "NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": str(free_port())}
    with running_server(tmp_path, cwd=PROJECT, env=settings, program=TRACED_SERVER) as server:
        console = f"http://127.0.0.1:{settings['NCCO_CONSOLE_PORT']}"
        shown = loopback.get(f"{console}/calls", params={"q": CALLER})
        loopback.get(f"http://{server.address}/healthz")
        assert 0 == server.stop()
        assert happens(lambda: '"/healthz"' in server.printed)

    assert shown.status_code < 500
    names = {span["name"] for span in spans_in(server.printed)}
    assert (True, False) == ("GET /healthz" in names, "GET /calls" in names)
    assert CALLER not in server.printed


def test_no_number_is_in_a_span_of_the_api_for_programs(tmp_path: Path) -> None:
    port = free_port()
    settings = {**TRACED, "NCCO_INSECURE": "1", "NCCO_API_PORT": str(port)}
    settings["NCCO_PUBLIC_URL"] = "https://calls.example.com"
    with running_server(tmp_path, cwd=PROJECT, env=settings, program=TRACED_SERVER) as server:
        for path in (f"/tables/blocked/{CALLER}", f"/nothing/at/{CALLER}"):
            assert 404 >= loopback.get(f"http://127.0.0.1:{port}{path}", params={"search": CALLER}).status_code
        loopback.get(f"http://{server.address}/healthz")
        assert 0 == server.stop()
        assert happens(lambda: '"/healthz"' in server.printed)

    paths = {
        span["attributes"]["http.target"] for span in spans_in(server.printed) if span["kind"] == "SpanKind.SERVER"
    }
    assert {"/tables/blocked", "/nothing/at", "/healthz"} == paths
    assert CALLER not in server.printed


async def test_no_text_of_an_exception_is_in_a_span() -> None:
    kept, tracers = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(kept))
    app = create_app(settings_with(), service=cast(CallService, FakeCalls(crash)), dev=True)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=tracers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        reply = await client.post("/webhooks/answer", json=CALL)

    told = "".join(span.to_json() for span in kept.get_finished_spans())
    assert (200, "Please call later." in reply.text) == (reply.status_code, True)
    assert "POST /webhooks/answer" in told
    assert [] == [word for word in (CALLER, "KeyError", "Traceback") if word in told]
