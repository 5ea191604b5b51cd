"""The health and readiness pages, and other pages that no caller waits for."""

from __future__ import annotations

from typing import cast

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.library import Library
from ncco_server.web import create_app
from ncco_server.web.health import Readiness
from tests.support.memory_store import MemoryStore
from tests.unit.server.web.fake_calls import FakeCalls, client_of, settings_with

GOOD = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "Hello."\n    goto: end\n'


def project(text: str = GOOD) -> Project:
    return load({"flows/hello.yaml": text})


async def calls_with(*reads: Project) -> FakeCalls:
    """A service whose store is open and whose library read these projects one after another."""
    calls = FakeCalls(store=MemoryStore())
    await calls.store.open()
    coming = iter(reads)
    calls.library = Library(calls.store, lambda: next(coming))
    for _ in reads:
        await calls.library.reload()
    return calls


async def readyz(calls: FakeCalls) -> httpx.Response:
    """The reply of `/readyz` after the store was probed."""
    app = create_app(settings_with(), service=cast(CallService, calls))
    await calls.store_probe.run()
    return await httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x").get("/readyz")


async def test_a_server_without_flows_is_not_ready_and_says_why() -> None:
    response = await readyz(await calls_with())

    assert (503, ["no flows are loaded"]) == (response.status_code, response.json()["reasons"])


async def test_a_broken_flow_file_leaves_a_server_ready_and_is_shown() -> None:
    calls = await calls_with(project(), project(GOOD.replace("goto: end", "goto: nowhere")))
    response = await readyz(calls)

    assert (200, ["hello"]) == (response.status_code, response.json()["flows"])
    assert "nowhere" in response.json()["rejected"][0]


async def test_a_server_that_refuses_a_removal_is_not_ready_and_names_the_command() -> None:
    calls = await calls_with(project(GOOD.replace("flow: hello", "flow: gone")), project())
    response = await readyz(calls)

    assert (503, ["gone"]) == (response.status_code, response.json()["flows"])
    assert response.json()["rejected"] == response.json()["reasons"]
    assert "no call can start in flow gone anymore (put it back, or run `ncco release`" in response.json()["reasons"][0]


async def test_a_server_whose_store_is_closed_is_not_ready() -> None:
    calls = await calls_with(project())
    await calls.store.close()
    response = await readyz(calls)

    assert 503 == response.status_code
    assert response.json()["reasons"][0].startswith("the store cannot be written to: ")


async def test_a_request_for_readiness_does_not_write_to_the_store() -> None:
    class Counting(MemoryStore):
        checks = 0

        async def check(self) -> None:
            self.checks += 1

    store = Counting()
    calls = FakeCalls(store=store)
    app = create_app(settings_with(), service=cast(CallService, calls))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")
    for _ in range(10):
        await client.get("/readyz")

    assert 0 == store.checks


async def test_calls_are_answered_without_the_store_once_two_probes_have_failed() -> None:
    class Away(MemoryStore):
        is_away = True

        async def check(self) -> None:
            if self.is_away:
                raise StoreUnavailable("disk full")

    calls = FakeCalls(store=(store := Away()))
    readiness = Readiness(cast(CallService, calls))
    found = []
    for is_away in (True, True, False, True):
        store.is_away = is_away
        await calls.store_probe.run()
        found.append((readiness.state()["reasons"][1:], calls.store_probe.outage))

    problem = "the store cannot be written to: disk full"
    assert [([problem], ""), ([problem], problem), ([], ""), ([problem], "")] == found


async def test_a_draining_server_is_not_ready() -> None:
    calls = await calls_with(project())
    readiness = Readiness(cast(CallService, calls))
    await calls.store_probe.run()
    before = readiness.state()["ready"]
    readiness.is_draining = True

    assert (True, False) == (before, readiness.state()["ready"])


@pytest.mark.parametrize("path", ["/webhooks/answer", "/webhooks/event"])
async def test_head_of_a_webhook_is_refused_because_it_would_act(path: str) -> None:
    response = await client_of(FakeCalls()).head(path)

    assert (405, "GET, POST") == (response.status_code, response.headers["allow"])


def broken_app() -> FastAPI:
    app = create_app(settings_with(), service=cast(CallService, FakeCalls()), dev=True)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("447700900123")

    return app


async def test_an_error_of_a_page_is_json_without_its_values() -> None:
    transport = httpx.ASGITransport(broken_app(), raise_app_exceptions=False)
    response = await httpx.AsyncClient(transport=transport, base_url="http://x").get("/broken")

    assert (500, "application/json") == (response.status_code, response.headers["content-type"])
    assert "447700900123" not in response.text


async def test_an_error_of_middleware_is_json_too() -> None:
    app = create_app(settings_with(), service=cast(CallService, FakeCalls()), dev=True)

    @app.middleware("http")
    async def broken(*_: object) -> None:
        raise RuntimeError

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    response = await httpx.AsyncClient(transport=transport, base_url="http://x").get("/healthz")

    assert (500, {"error", "fix"}) == (response.status_code, response.json().keys())
