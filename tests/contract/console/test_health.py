"""The page of the server's health, over a webhook server that it reads as in production."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.console.app import create_console
from app.console.figures import Figures
from app.console.services import Served, Services
from app.settings import Settings
from app.web import create_app
from tests.contract.console.conftest import logged_in, settings_for

SERVER = "http://127.0.0.1:8000"
FLOWS = """\
flow: shop
default: true
start: menu
lookups:
  stock: {get: "http://127.0.0.1:9/stock", timeout: 500ms, returns: {left: int}, default: {left: 0}}
steps:
  menu:
    do: [{talk: "For bicycles, press 1."}]
    choices: {bicycles: {dtmf: 1, goto: bicycles}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  bicycles:
    lookup: stock
    do: [{talk: "We have {{ stock.left }} bicycles."}]
    goto: end
"""


class Watched:
    """A webhook server, and the console that reads it."""

    def __init__(self, server: FastAPI, webhooks: httpx.AsyncClient, console: httpx.AsyncClient) -> None:
        self.server = server
        self.webhooks = webhooks
        self._console = console

    async def page(self) -> str:
        """The text of the page, without markup."""
        reply = await self._console.get("/health")
        assert 200 == reply.status_code, reply.text
        return " ".join(re.sub(r"<[^>]*>", " ", reply.text).split())

    async def call(self, leg: str) -> None:
        """A call that asks the lookup."""
        fields = {"to": "442079460000", "from": "447700900123", "uuid": leg, "conversation_uuid": f"CON-{leg}"}
        reply = await self.webhooks.post("/webhooks/answer", json=fields)
        url = next(action["eventUrl"][0] for action in reply.json() if action["action"] == "input")
        await self.webhooks.post(url, json={"dtmf": {"digits": "1", "timed_out": False}, "uuid": leg})


def settings(project: Path) -> Settings:
    return settings_for(project, insecure=True, hook_allow="127.0.0.1")


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOWS, encoding="utf-8")
    server = create_app(settings(tmp_path), dev=True)
    console = create_console(settings(tmp_path), Services(served=Served(SERVER, SERVER)), dev=True)
    async with (
        server.router.lifespan_context(server),
        httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url=SERVER) as webhooks,
        await logged_in(console) as client,
    ):
        console.state.figures = Figures(Served(SERVER, SERVER), webhooks)
        await console.state.figures.read(datetime.now(UTC) - timedelta(seconds=10))
        yield Watched(server, webhooks, client)


async def test_a_healthy_server_is_one_reassuring_line(watched: Watched) -> None:
    await watched.webhooks.post("/webhooks/event", json={"status": "ringing", "uuid": "a"})

    page = await watched.page()

    assert "All is well." in page
    assert "answered 1 webhook in the last hour" in page


async def test_a_broken_lookup_is_named_with_its_step_and_a_cure(watched: Watched) -> None:
    for leg in ("a", "b", "c"):
        await watched.call(leg)

    page = await watched.page()

    assert "All is well" not in page
    assert "The lookup stock: of 3 in the last hour, 3 failed." in page
    assert "Show flow shop, step bicycles" in page
    assert "Webhooks 6" in page


async def test_a_server_that_drains_says_so(watched: Watched) -> None:
    watched.server.state.readiness.is_draining = True

    page = await watched.page()

    assert "The server takes no new calls: the server is shutting down" in page


async def test_flows_that_are_refused_are_shown_with_their_place(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "flows" / "shop.yaml"
    file.write_text(FLOWS.replace("goto: bicycles", "goto: bicycle"), encoding="utf-8")
    await watched.server.state.webhooks.calls.library.reload()

    page = await watched.page()

    assert "calls go on with the last good ones. flows/shop.yaml:9:" in page


async def test_a_server_that_is_down_is_said_before_all_else(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    console = create_console(settings(tmp_path), Services(served=Served("http://127.0.0.1:9", "")), dev=True)
    async with await logged_in(console) as client:
        page = (await client.get("/health")).text

    assert "The server on this host is down, and callers hear nothing" in page
    assert "All is well" not in page
