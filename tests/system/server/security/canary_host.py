"""A server on a SQLite file. All that it writes can be searched: database, log, metrics, spans, replies."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.lookup_sources import PythonModules
from ncco_server.service.lookups import LookupClient, lookups_of_turn
from ncco_server.service.turns import Policy
from ncco_server.settings import load_settings
from ncco_server.store import SqliteDatabase, Store
from ncco_server.web import create_app
from ncco_server.web.log import configure_log
from ncco_server.web.metrics import Metrics

BASE = "https://calls.example.com"
LEG = "3f9a1c77d2e84b0c9a5566778899aabb"
COMMON = {"from": "447700900123", "to": "442079460001", "uuid": LEG, "conversation_uuid": "CON-1"}
PROJECT = Path(__file__).with_name("secrets")
ENV = {"CRM_URL": "http://crm"}

Answer = Callable[[httpx.Request], httpx.Response]


class Spans:
    """What the server reports to OpenTelemetry."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self._tracers = TracerProvider(shutdown_on_exit=False)
        self._tracers.add_span_processor(SimpleSpanProcessor(self._spans))

    def follow(self, app: FastAPI) -> None:
        """Instrument the application in the standard way."""
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        FastAPIInstrumentor.instrument_app(app, tracer_provider=self._tracers, meter_provider=meters)

    @property
    def text(self) -> str:
        """Every span and every metric, as text."""
        metrics = self._reader.get_metrics_data()
        spans = "".join(span.to_json(indent=None) for span in self._spans.get_finished_spans())
        return spans + (metrics.to_json(indent=None) if metrics is not None else "")


@dataclass
class CanaryHost:
    """The server, and everything it has written or sent.

    Attributes:
        replied: the bodies and headers of every reply.
    """

    client: httpx.AsyncClient
    path: Path
    log: io.BytesIO
    metrics: Metrics
    service: CallService
    spans: Spans
    replied: list[bytes] = field(default_factory=list)

    def traces_of(self, canary: str) -> dict[str, int]:
        """How often a canary occurs in each place where it must not; places without it are left out."""
        files = sorted(self.path.parent.glob(f"{self.path.name}*"))
        places = {file.name: file.read_bytes() for file in files}
        places |= {"log": self.log.getvalue(), "metrics": self.metrics.render(), "replies": b"".join(self.replied)}
        places |= {"spans": self.spans.text.encode()}
        return {place: found.count(canary.encode()) for place, found in places.items() if canary.encode() in found}

    async def send(self, method: str, url: str, **content: Any) -> httpx.Response:
        """Send one request and record the reply."""
        reply = await self.client.request(method, url, **content)
        self.replied += [reply.content, repr(reply.headers).encode()]
        return reply

    async def post(self, url: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send a webhook as JSON. Returns the NCCO in the reply."""
        reply = await self.send("POST", url, json={**COMMON, **fields})
        return list(reply.json()) if reply.status_code == httpx.codes.OK and reply.content else []

    async def ring(self, flow: str, **fields: Any) -> str:
        """Start a call to a flow. Returns the callback URL that the call waits for."""
        return url_of(await self.post(f"/webhooks/answer/{flow}", fields))


def url_of(ncco: list[dict[str, Any]]) -> str:
    """The last callback URL of an NCCO."""
    urls: list[str] = [url for action in ncco for url in action.get("eventUrl", ())]
    return urls[-1]


@cache
def loaded() -> Project:
    """The flows in `secrets/`, read once for all hosts."""
    return load_files(PROJECT / "flows", PROJECT / "templates", ENV, handlers=["teller.py"])


@asynccontextmanager
async def canary_host(
    folder: Path,
    *,
    answer: Answer | None = None,
    level: str = "debug",
    form: str = "json",
    deadline_s: float = 4.0,
    dev: bool = False,
) -> AsyncIterator[CanaryHost]:
    """Run the server for the flows in `secrets/`, with the most detailed log; `answer` answers its lookups."""
    url = f"sqlite:///{folder}/calls.db"
    settings = load_settings(
        None, public_url=BASE, database_url=url, insecure=True, log=form, log_level=level, reload=False
    )
    raw = io.BytesIO()
    write_line = configure_log(settings, io.TextIOWrapper(raw, encoding="utf-8", write_through=True))
    store = Store(SqliteDatabase(folder / "calls.db"))
    await store.open()
    policy = Policy(keys=(b"k" * 32,), failsafe=settings.failsafe, env=ENV)
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer or _nobody))
    asking = LookupClient(modules=PythonModules({"canary_functions"}, PROJECT / "flows"), http=http)
    metrics, spans, log = Metrics(), Spans(), structlog.get_logger()
    service = CallService(
        store,
        loaded,
        policy,
        look_ups=lambda: lookups_of_turn(asking.answer, asking.budget_ms),
    )
    read = await service.library.reload()
    assert not read.has_errors, read.issues
    app = create_app(
        settings, service=service, dev=dev, metrics=metrics, deadline_s=deadline_s, log=log, write_line=write_line
    )
    spans.follow(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield CanaryHost(client, folder / "calls.db", raw, metrics, service, spans)
    await asking.close()
    await http.aclose()
    await store.close()


def _nobody(request: httpx.Request) -> httpx.Response:
    return httpx.Response(404)


def as_query(fields: Mapping[str, Any]) -> dict[str, str]:
    """Fields in the form of a query: nested values become JSON text."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
