"""Many open streams, a database of its own kind, and names that lead to this machine."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from operator import gt
from pathlib import Path

import httpx
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from app.cli.console_process import ConsoleServer
from app.console.app import create_console
from app.console.events import HEARTBEAT_S, OWN_STREAM_LIMIT, POLL_S, STREAM_LIMIT
from app.console.services import Services
from app.web import create_app
from tests.contract.console.conftest import HASHES, PASSWORDS, csrf_token, logged_in, settings_for
from tests.contract.http.serving import FLOW
from tests.contract.server import running
from tests.contract.store.postgres_stores import empty_database
from tests.system.console.browser import PATIENCE_MS, running_browser, why_not
from tests.system.console.server import link_of, running_console

SHOP = """\
flow: shop
default: true
start: menu
steps:
  menu:
    do: [{talk: "For bicycles, press 1."}]
    choices: {bicycles: {dtmf: 1, goto: bicycles}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  bicycles:
    do: [{talk: "We sell bicycles."}]
    goto: end
"""
STREAM = {"Accept": "text/event-stream"}
PATIENCE_S = 60.0


@asynccontextmanager
async def person(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has logged in, over real connections."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=PATIENCE_S) as client:
        reply = await client.post("/login", data={"password": PASSWORDS["look"]})
        client.headers["Cookie"] = reply.headers["set-cookie"].partition(";")[0]  # Secure, and this is not TLS
        yield client


async def test_held_streams_stop_neither_pages_nor_the_streams_of_others(tmp_path: Path) -> None:
    settings = {
        "NCCO_CONSOLE": "1",
        "NCCO_CONSOLE_PORT": "0",
        "NCCO_CONSOLE_PASSWORD_HASH": HASHES["change"],
        "NCCO_CONSOLE_VIEWER_PASSWORD_HASH": HASHES["look"],
    }
    with running(tmp_path, {"flows/hello.yaml": FLOW}, settings) as server:
        address = link_of(server)
        async with AsyncExitStack() as held:
            statuses = []
            for _ in range(STREAM_LIMIT // OWN_STREAM_LIMIT - 1):
                greedy = await held.enter_async_context(person(address))
                opened = (greedy.stream("GET", "/events", headers=STREAM) for _ in range(OWN_STREAM_LIMIT + 1))
                streams = await asyncio.gather(*map(held.enter_async_context, opened))
                statuses += sorted(stream.status_code for stream in streams)
            other = await held.enter_async_context(person(address))
            mine = await held.enter_async_context(other.stream("GET", "/events", headers=STREAM))
            pages = [await other.get(path, headers={"Accept": "text/html"}) for path in ("/calls", "/flows", "/phone")]
            lines = (line async for line in mine.aiter_lines() if line.startswith(("event:", ":")))
            async with asyncio.timeout(PATIENCE_S):
                while await anext(lines) != ": still here":  # the first event comes at once, without a change
                    pass
                await other.get(f"{server.url}/webhooks/answer?to=442079460000&uuid=aaaaaaaa-0&from=447700900123")
                while (told := await anext(lines)) != "event: calls":
                    pass
        async with person(address) as late, late.stream("GET", "/events", headers=STREAM) as again:
            assert 200 == again.status_code

    assert [*[200] * OWN_STREAM_LIMIT, 503] * (STREAM_LIMIT // OWN_STREAM_LIMIT - 1) == statuses
    assert (200, [200] * 3, "event: calls") == (mine.status_code, [page.status_code for page in pages], told)


async def test_pages_and_sessions_work_on_postgresql(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shop.yaml").write_text(SHOP, encoding="utf-8")
    settings = settings_for(tmp_path, database_url=empty_database(), insecure=True, key="k" * 40)
    app, console = create_app(settings, dev=True), create_console(settings, Services(), dev=True)
    webhooks = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")
    hostile = "<script>alert(1)</script>' OR 1=1 --"
    async with app.router.lifespan_context(app), webhooks, await logged_in(console) as known:
        for leg, caller in (("aaaaaaaa-1", "447700900111"), (hostile, hostile)):
            names = {"uuid": leg, "conversation_uuid": f"CON-{leg}"}
            fields = {"to": "442079460000", "from": caller, **names}
            asked = (await webhooks.post("/webhooks/answer", json=fields)).json()
            url = next(action["eventUrl"][0] for action in asked if action["action"] == "input")
            await webhooks.post(url, json={"dtmf": {"digits": "1", "timed_out": False}, **names})
        searches = ("", "?q=07700 900111", "?q=We sell bicycles", "?q=nobody says this", f"?q={hostile}", "?q=%00")
        found = [await known.get(f"/calls.json{search}") for search in searches]
        listed = [
            [call["id"] for call in each.json()["calls"]] if each.status_code == 200 else each.status_code
            for each in found
        ]
        page = await known.get("/calls/aaaaaaaa-1?replayed=true")
        attacked = await known.get(f"/calls/{hostile}")
        ended = await known.post("/logout")
        after = await known.get("/calls")
    await console.state.store.close()

    assert [[hostile, "aaaaaaaa-1"], ["aaaaaaaa-1"], [hostile, "aaaaaaaa-1"], []] == listed[:4]
    assert [hostile] == listed[4]
    assert isinstance(listed[5], list) or listed[5] < 500
    assert "We sell bicycles." in page.text
    assert re.search(r"Turn 2:\s+the same", page.text)
    assert (200, False) == (attacked.status_code, "<script>alert" in attacked.text)
    assert (303, 401) == (ended.status_code, after.status_code)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The console on a port, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = ConsoleServer(app)
        server.config.timeout_keep_alive = 1  # whose timer keeps what belongs to a connection
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


def console_on(project: Path) -> tuple[FastAPI, FastAPI]:
    """A webhook server and its console."""
    (project / "flows").mkdir()
    (project / "flows/shop.yaml").write_text(SHOP, encoding="utf-8")
    settings = settings_for(project, database_url=f"sqlite:///{project}/calls.db", insecure=True)
    return create_app(settings, dev=True), create_console(settings, Services(), dev=True)


async def test_a_thousand_streams_that_are_dropped_leave_nothing_behind(tmp_path: Path) -> None:
    server, console = console_on(tmp_path)

    async def drop(port: int, cookie: str, number: int) -> bool:
        """Open a stream, and leave: by closing, with a reset, or without reading what comes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ("GET /events HTTP/1.1", "Host: 127.0.0.1", f"Cookie: {cookie}", "Accept: text/event-stream", "", "")
        writer.write("\r\n".join(lines).encode())
        is_open = number % 3 == 2 or b" 200 " in await reader.readline()
        if number % 3 == 1:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()
        return is_open

    def left() -> tuple[int, int, int, int]:
        """Streams, tasks, descriptors and bytes."""
        gc.collect()
        return (
            console.state.changes.listeners,
            len(asyncio.all_tasks()),
            sum(1 for _ in Path("/proc/self/fd").iterdir()),
            tracemalloc.get_traced_memory()[0],
        )

    async def falls_to(*limits: int) -> None:
        """Wait until no more is left. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while any(map(gt, left(), limits)):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)

    async with (
        server.router.lifespan_context(server),
        served(console) as port,
        person(f"http://127.0.0.1:{port}") as somebody,
    ):
        cookie = somebody.headers["Cookie"]
        opened = [await drop(port, cookie, number) for number in range(30)]
        await falls_to(0)
        await asyncio.sleep(POLL_S + 0.5)  # the store is watched until nobody listens
        _, tasks, descriptors, _ = left()
        tracemalloc.start()
        for _ in range(100):
            opened += await asyncio.gather(*(drop(port, cookie, number) for number in range(10)))
        await falls_to(0, tasks, descriptors + 2, 500 * 1_000)
        tracemalloc.stop()

    assert console.state.changes.by_session == {}


async def test_a_busy_stream_ends_soon_after_its_session(tmp_path: Path) -> None:
    server, console = console_on(tmp_path)
    webhooks = httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://127.0.0.1:8000")

    async def calls() -> None:
        for number in range(10_000):
            fields = {"to": "442079460000", "from": "447700900111", "uuid": f"leg-{number}"}
            await webhooks.post("/webhooks/answer", json={**fields, "conversation_uuid": f"CON-{number}"})
            await asyncio.sleep(0.3)

    async with (
        server.router.lifespan_context(server),
        webhooks,
        served(console) as port,
        person(f"http://127.0.0.1:{port}") as somebody,
        somebody.stream("GET", "/events", headers=STREAM) as stream,
    ):
        calling, lines = asyncio.create_task(calls()), stream.aiter_lines()
        async with asyncio.timeout(PATIENCE_S):
            while await anext(lines) != "event: calls":
                pass
        somebody.headers["Accept"] = "text/html"
        token = await csrf_token(somebody)
        assert 303 == (await somebody.post("/logout", headers={"X-CSRF-Token": token})).status_code
        async with asyncio.timeout(HEARTBEAT_S + PATIENCE_S):
            rest = [line async for line in lines]
        calling.cancel()

    assert {"", "event: calls", "data: changed"} >= set(rest)


FETCH = """async path => {
  const reply = await fetch(path, {method: path === "/login" ? "POST" : "GET", headers: {Accept: "text/html"}});
  return [reply.status, await reply.text()];
}"""


def test_a_foreign_name_that_leads_to_this_machine_shows_nothing(tmp_path: Path) -> None:
    if why_not():
        return
    rules = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    with running_console(tmp_path) as link, running_browser(rules) as browser:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(link)
        foreign = link.partition("/?")[0].replace("127.0.0.1", "rebound.example")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()

        assert 421 == status_of(page, f"{foreign}/")  # in the origin of the attacker from here on
        for path in ("/", "/calls", "/calls.json", "/events", "/phone/text?file=flows/reception.yaml", "/login"):
            status, text = page.evaluate(FETCH, path)
            assert 421 == status, path
            assert "is not served under the name" in text
            assert "447700900" not in text
        assert 421 == status_of(page, f"{foreign}/calls")
        assert 421 == status_of(page, f"{foreign}/static/1/console.css")


def status_of(page: Page, address: str) -> int:
    response = page.goto(address)
    assert response
    return response.status
