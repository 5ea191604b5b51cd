"""Every route is opened in every role, with and without data, and with hostile values: none fails, none tells too much.

The requests are made from the route tables. `pytest --night` adds the hostile ones, which take minutes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, make_asgi_app

from ncco_server.settings import Settings
from ncco_server.store import RowChange, open_store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web import create_app
from ncco_server.web.programs_app import programs_app
from ncco_studio.console.app import create_console
from tests.support.stored_rows import placed_row
from tests.support.tracked import ROOT
from tests.support.webhooks import callback, facts, keys
from tests.system.server.security.route_table import HOSTILE_TEXTS, RouteRequest, RouteTable
from tests.unit.studio.console.conftest import (
    BASE_URL,
    PASSWORDS,
    OwnPlayer,
    SameProcess,
    browser,
    csrf_token,
    log_in,
    settings_for,
)
from tests.unit.studio.console.test_messages import message

KEY: Final = "a key of the placing API, long enough"
AUTHORIZED: Final = {"Authorization": f"Bearer {KEY}"}
ROLES: Final = ("", "look", "change")
"""Whose passwords open the console; "" for a stranger."""
VIEWS: Final = ("owner", "developer")
LINES: Final = (*product(("full",), ROLES), ("empty", "change"), ("memory", "change"))
"""Lines with calls, without flows and calls, and one that keeps its calls in memory; each with a role that opens it."""
LEG: Final = "aaaaaaaa-0000"
STORED: Final = "0" * 32
"""The ID of a message and of a placed call."""
NCCO: Final = '[{"action": "talk", "text": "Hello."}, {"action": "input", "type": ["dtmf"], "dtmf": {}}]'
TABLES: Final = """\
shared: true
tables:
  do_not_call: {key: {number: phone}, columns: {since: date}}
  pairs:
    key: {ours: phone, kind: [a, b]}
    columns: {is_open: bool, until: datetime, pin: {type: text, sensitive: true}}
"""
BROKEN: Final = "flow: broken\nstart: nowhere\n"
FOREIGN: Final = "447700900999"
"""The number of calls that other programs have requested."""
KNOWN: Final[Mapping[str, Sequence[Any]]] = {
    "file": ("flows/reception.yaml", "flows/reminder.yaml", "flows/broken.yaml", "pasted.yaml", "flows/none.yaml"),
    "flow": ("reception", "reminder", "broken", "none"),
    "name": (LEG, "reception", "reminder", "broken", "none"),
    "id_": (STORED, "f" * 32, "none"),
    "uuid": (LEG,),
    "number": ("0", "1"),
    "step": ("", "menu", {"press": "1"}, "hangup"),
    "to": ("447700900123",),
    "since": ("week", "today"),
    "before": (STORED,),
    "box": ("new", "done"),
    "table": ("do_not_call", "pairs", "none"),
    "key": ("447700900123", "none"),
    "q": ("447700900123", "ada"),
    "plain": ("true", "false"),
    "use": ("downloaded", "shared"),
}
"""Values of parameters and fields, by name."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who sends requests to an application.

    Attributes:
        session: the cookie of an open session, or "".
        token: the token against request forgery of that session.
    """

    client: httpx.AsyncClient
    session: str = ""
    token: str = ""

    async def send(self, request: RouteRequest, view: str = "owner", **headers: str) -> httpx.Response:
        self.client.cookies.clear()  # whatever the reply before this has set
        cookie = f"{self.session}ncco-view-8001={view}"
        return await request.send(self.client, headers={"Cookie": cookie, "X-CSRF-Token": self.token, **headers})


@asynccontextmanager
async def line(home: Path, data: str) -> AsyncIterator[FastAPI]:
    """The console of a line with this data."""
    for folder in ("flows", "templates"):
        (home / folder).mkdir()
    if data != "empty":
        shutil.copytree(ROOT / "flows", home / "flows", dirs_exist_ok=True)
        shutil.copytree(ROOT / "templates", home / "templates", dirs_exist_ok=True)
        shutil.copy(ROOT / "examples/reminder/flows/reminder.yaml", home / "flows")
        (home / "flows/tables.yaml").write_text(TABLES)
    url = "memory://" if data == "memory" else f"sqlite:///{home}/calls.db"
    settings = settings_for(home, database_url=url, insecure=True, dial_allow="44")
    if data == "full":
        await make_calls(settings)
    if data != "empty":
        (home / "flows/broken.yaml").write_text(BROKEN)  # a server that starts with it would answer no calls
    console = create_console(settings, dev=True)
    state = console.state.console
    state.worker, state.phone_calls.make_worker = SameProcess(), OwnPlayer
    yield console
    await state.phone_calls.close()
    await state.store.close()


async def make_calls(settings: Settings) -> None:
    """A call, a message, and a call that the server is to place."""
    app = create_app(settings, dev=True)
    async with app.router.lifespan_context(app), client_of(app) as client:
        reply = await client.post("/webhooks/answer", json=facts(LEG, to="442079460002"))
        await client.post(callback(reply.json()), json=facts(LEG, to="442079460002", **keys("2580")))
    async with open_store(settings.database_url) as store:
        await store.recordings.add(message("Hello.", id=STORED, session=LEG))
        row = RowChange('do_not_call["447700900123"]', {"since": "2026-03-05"})
        await store.tables.change([row], 0, f"call {LEG}")
        rows = [{"id": STORED, "key": "1"}, {"id": "2" * 32, "key": "2", "state": "over"}]
        await store.placed.add([placed_row(number=FOREIGN, **row) for row in rows])


def client_of(app: Any, base_url: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    """A client that sees a 500 as browsers do."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base_url)


@asynccontextmanager
async def visiting(console: FastAPI, role: str) -> AsyncIterator[Visitor]:
    """Somebody with a role in the console."""
    session = token = ""
    if role:
        async with browser(console) as client:
            await log_in(client, PASSWORDS[role])
            token = await csrf_token(client)
            session = "".join(f"{name}={value}; " for name, value in client.cookies.items())
    async with client_of(console, BASE_URL) as client:
        yield Visitor(client, session, token)


@pytest.mark.parametrize(("data", "role"), LINES)
async def test_every_page_and_fragment_opens_in_every_role(
    tmp_path: Path, data: str, role: str, pytestconfig: pytest.Config
) -> None:
    """In both views, as a page and as a fragment; by day, a line but the full one gets each request in one of these."""
    is_whole = (data, role) == ("full", "change") or pytestconfig.getoption("--night")
    failed, opened = list[str](), set[str]()
    async with line(tmp_path, data) as console, visiting(console, role) as visitor:
        call = RouteRequest("POST", "/phone/calls", {}, {}, {"file": "pasted.json", "text": NCCO})
        ids = re.findall('data-call="(.*?)"', (await visitor.send(call)).text)
        table = RouteTable(console, {**KNOWN, "id_": [*KNOWN["id_"], *ids]})
        for number, request in enumerate(sorted(table.usual(), key=lambda each: each.method != "GET")):
            kinds = ({"Accept": "text/html"}, {"HX-Request": "true"}) if request.method == "GET" else ({},)
            every = [*product(VIEWS, kinds)]
            for view, kind in every if is_whole else [every[number % len(every)]]:
                reply = await visitor.send(request, view, **kind)
                if reply.status_code >= 500:
                    failed.append(f"{request} in the {view} view: {reply.status_code}")
                elif reply.status_code == 200:
                    opened.add(request.route)
    assert [] == failed
    pages = {"/home", "/messages", "/phone", "/flows", "/calls", "/report", "/tables", "/health"}
    pages |= {"/phone/calls"} if data != "empty" else set()
    assert set() == (pages - opened if role else opened - {"/login"})


@pytest.mark.usefixtures("night")
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(("data", "role"), [*(("full", role) for role in ROLES), ("empty", "change")])
async def test_no_hostile_value_breaks_a_route_of_the_console(tmp_path: Path, data: str, role: str) -> None:
    failed = []
    async with line(tmp_path, data) as console, visiting(console, role) as visitor:
        for request in RouteTable(console, KNOWN).hostile():
            reply = await visitor.send(request, **{"Accept": "text/html"})
            failed += faults_of(request, reply)
    assert [] == failed


def faults_of(request: RouteRequest, reply: httpx.Response) -> list[str]:
    """What is wrong with any reply to anybody."""
    wrong = []
    if reply.status_code >= 500:
        wrong.append(f"{request}: {reply.status_code}")
    if reply.headers.get("location", "/").startswith(("//", "http://example", "https://example")):
        wrong.append(f"{request}: leads to {reply.headers['location']}")
    if "Traceback (most recent call last)" in reply.text:
        wrong.append(f"{request}: shows a traceback")
    return wrong


@pytest.mark.usefixtures("night")
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("is_signed", [False, True])
async def test_no_hostile_value_breaks_a_route_of_the_webhooks(tmp_path: Path, is_signed: bool) -> None:
    for folder in ("flows", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    secret = {"signature_secret": "a signature secret of thirty-two bytes"} if is_signed else {"insecure": True}
    app = create_app(settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", **secret), dev=True)
    failed = []
    async with app.router.lifespan_context(app), client_of(app) as client:
        table = RouteTable(app, KNOWN)
        for request in (*table.usual(), *table.hostile()):
            reply = await request.send(client)
            if not (is_signed and reply.status_code == 503):  # Vonage then asks the fallback URL
                failed += faults_of(request, reply)
            if is_signed and request.route.startswith("/webhooks") and reply.status_code == 200:
                failed.append(f"{request}: answered without a signature")
    assert [] == failed


@pytest.mark.parametrize("owner", ["crm", "console", "hook", "cli", "api"])
async def test_a_key_shows_only_its_own_calls(tmp_path: Path, owner: str) -> None:
    """Whatever it is called, and whatever is asked of the API."""
    failed = []
    async with api(tmp_path, owner) as client:
        for request in RouteTable(client.app, KNOWN).usual():
            reply = await request.send(client.http, headers=AUTHORIZED)
            failed += faults_of(request, reply)
            if FOREIGN in reply.text:
                failed.append(f"{request}: shows a call of others")
    assert [] == failed


@pytest.mark.usefixtures("night")
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, AUTHORIZED], ids=str)
async def test_no_hostile_value_breaks_a_route_of_the_placing_api(tmp_path: Path, headers: dict[str, str]) -> None:
    failed = []
    async with api(tmp_path, "console") as client:
        for request in RouteTable(client.app, KNOWN).hostile():
            reply = await request.send(client.http, headers={**headers, "Idempotency-Key": "a"})
            failed += faults_of(request, reply)
            is_call = request.route.startswith("/calls")
            if FOREIGN in reply.text or (headers != AUTHORIZED and reply.is_success and is_call):
                failed.append(f"{request}: {reply.status_code}")
    assert [] == failed


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_no_hostile_address_breaks_the_metrics(method: str) -> None:
    failed = []
    async with client_of(make_asgi_app(CollectorRegistry())) as client:
        for value in HOSTILE_TEXTS:
            request = RouteRequest(method, "/{name}", {"name": value}, {"name[]": value}, about=repr(value)[:40])
            failed += faults_of(request, await request.send(client))
    assert [] == failed


@dataclass(frozen=True)
class Api:
    """The placing API, and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient


@asynccontextmanager
async def api(home: Path, owner: str) -> AsyncIterator[Api]:
    """The placing API with a key of this name, and calls that were requested in every other way."""
    store = open_store(f"sqlite:///{home}/calls.db")
    app = programs_app(store, ("44",), (b"key of the test",))
    async with app.router.lifespan_context(app), client_of(app) as client:
        await store.api_keys.add(KEY, ApiKeyRow(owner, ("reminder", "reception"), 0))
        origins = [("console", owner), ("hook", owner), ("cli", owner), ("console", ""), ("api", f"{owner}2")]
        rows = [
            placed_row(id=f"{number:032}", key=str(number), origin=origin, owner=by, number=FOREIGN)
            for number, (origin, by) in enumerate(origins)
        ]
        await store.placed.add(rows)
        yield Api(app, client)
