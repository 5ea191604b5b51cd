"""The application with the real service and store: whole calls over HTTP."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import structlog
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.assembly import policy_of
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.web import create_app
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.webhooks import callback, running_app
from tests.unit.server.web.fake_calls import FakeCalls, settings_with

FLOW = """
flow: desk
default: true
start: menu
defaults:
  on: {error: sorry}
steps:
  menu:
    do:
      - talk: "For sales, press 1."
    choices:
      sales: {dtmf: 1, goto: sales}
    retry: {noinput: ["Sorry?"], then: sorry}
  sales:
    do:
      - connect: "447700900111"
    on: {completed: end, otherwise: sorry}
  sorry:
    do:
      - talk: "Please call again."
    goto: end
"""
CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(FLOW)
    return tmp_path


@asynccontextmanager
async def served(project: Path, **values: Any) -> AsyncIterator[httpx.AsyncClient]:
    values = {"database_url": f"sqlite:///{project}/calls.db", "reload": False} | values
    chosen = settings_with(flows=project / "flows", templates=project / "templates", **values)
    async with running_app(create_app(chosen, dev=True)) as client:
        yield client


async def test_webhooks_leave_no_work_for_the_garbage_collector(project: Path) -> None:
    async with served(project) as client:
        await client.post("/webhooks/answer", json=CALL | {"uuid": "leg-0"})
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        menu = (await client.post("/webhooks/answer", json=CALL)).json()
        await client.post(callback(menu), json=CALL | {"dtmf": {"digits": "1"}})
        gc.collect()
        ours = {type(found) for found in gc.garbage if type(found).__module__.startswith("ncco_server.")}
        gc.set_debug(0)
        gc.garbage.clear()

    assert set() == ours


async def test_with_broken_flows_the_server_starts_but_is_not_ready(project: Path) -> None:
    (project / "flows" / "desk.yaml").write_text("flow: [")
    async with served(project, reload=True) as client:
        ready = await client.get("/readyz")
        answer = await client.post("/webhooks/answer", json=CALL)

    assert (503, 200) == (ready.status_code, answer.status_code)
    assert "talk" == answer.json()[0]["action"]


async def test_a_given_service_is_neither_opened_nor_closed(project: Path) -> None:
    calls = FakeCalls()
    await calls.store.open()
    app = create_app(settings_with(), service=cast(CallService, calls))
    async with app.router.lifespan_context(app):
        pass
    await calls.store.check()

    assert calls.library.loaded_at is None


LINES = (Path(__file__).parents[3] / "samples" / "webhooks.jsonl").read_text(encoding="utf-8").splitlines()
SAMPLES = {each["name"]: each["payload"] for each in map(json.loads, LINES)}


async def sent(client: httpx.AsyncClient, path: str, fields: dict[str, Any], *, as_query: bool) -> httpx.Response:
    if not as_query:
        return await client.post(f"/webhooks/{path}", content=json.dumps(fields))
    query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return await client.get(f"/webhooks/{path}", params=query)


async def test_every_webhook_in_public_documents_is_accepted() -> None:
    app, _ = await real_app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        refused = [
            (name, as_query)
            for name, payload in SAMPLES.items()
            for as_query in (False, True)
            if 200 != (response := await sent(client, "event", payload, as_query=as_query)).status_code
            or response.content
        ]

    assert SAMPLES
    assert [] == refused


async def real_app() -> tuple[FastAPI, CallService]:
    """The application over a store in memory, with one flow."""
    chosen = settings_with()
    store = MemoryStore()
    await store.open()
    service = CallService(store, lambda: load({"flows/desk.yaml": FLOW}), policy_of(chosen))
    await service.library.reload()
    return create_app(chosen, service=service, dev=True), service


@each_case("dev", [True, False], ids=["development", "production"])
async def test_a_url_of_this_machine_is_no_issue_in_development(project: Path, dev: bool) -> None:
    with_music = FLOW.replace('- talk: "Please call again."', "- stream: http://localhost:9000/bye.mp3")
    (project / "flows" / "desk.yaml").write_text(with_music)
    chosen = settings_with(flows=project / "flows", templates=project / "templates", database_url="memory://")

    with capture_logs() as lines:
        async with running_app(create_app(chosen, dev=dev, log=structlog.get_logger())):
            pass

    assert (not dev) == any("cannot reach localhost" in line.get("problem", "") for line in lines)
