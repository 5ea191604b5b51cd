"""Servers at a URL: requests, timeouts, and this project's own server on a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import HttpServer, Request
from tests.support.cases import each_case
from tests.support.server import running_server
from tests.unit.studio.simulator.scripted_server import sounds

ROOT = Path(__file__).parents[4]
REQUEST = Request("POST", "http://server.example.com/answer", {"content-type": "application/json"}, b"{}")


def raising(error: type[Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def respond(_: httpx.Request) -> httpx.Response:
        raise error("as the test wants it")

    return respond


@each_case(
    ("error", "failure"),
    [
        (httpx.ConnectTimeout, "connect timeout"),
        (httpx.ReadTimeout, "timeout"),
        (httpx.ConnectError, "closed"),
        (httpx.RemoteProtocolError, "reset"),
        (httpx.ReadError, "reset"),
    ],
)
async def test_each_connection_failure_has_its_name(error: type[Exception], failure: str) -> None:
    async with HttpServer(transport=httpx.MockTransport(raising(error))) as server:
        response = await server.deliver(REQUEST)

    assert (0, failure) == (response.status, response.failure)


async def test_patience_replaces_the_limits_of_a_request() -> None:
    def limits(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=request.extensions["timeout"])

    async with HttpServer(transport=httpx.MockTransport(limits), patience_s=60) as server:
        response = await server.deliver(REQUEST)

    assert {60} == set(json.loads(response.body).values())


async def test_an_invalid_url_fails_too() -> None:
    async with HttpServer() as server:
        response = await server.deliver(Request("GET", "http://[::1", {}))

    assert "reset" == response.failure


async def test_a_redirect_is_not_followed() -> None:
    moved = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": "http://elsewhere.example.com"}))
    async with HttpServer(transport=moved) as server:
        response = await server.deliver(REQUEST)

    assert (302, "http://elsewhere.example.com") == (response.status, response.headers["location"])


async def test_tokens_are_issued_at_the_real_time() -> None:
    async with HttpServer() as server:
        assert abs((server.now - datetime.now(UTC)).total_seconds()) < 5


async def test_our_own_server_works_over_a_socket(tmp_path: Path) -> None:
    with running_server(tmp_path, cwd=ROOT) as running:
        base = f"http://{running.address}/webhooks"
        application = Application(f"{base}/answer", f"{base}/event", f"{base}/fallback")
        async with HttpServer() as server:
            line = Vonage(application, server, VirtualClock())
            call = await line.call("442079460001", "447700900123")
            await call.listen()
            await call.press("2")
            await call.listen()

    assert ["ringing 447700900222", "joined 447700900222", "left 447700900222", "ended"] == sounds(call)[-4:]
    assert not [delivery for delivery in call.log if delivery.result and delivery.result.failure]
