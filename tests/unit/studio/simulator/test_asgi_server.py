"""Servers in this process."""

from __future__ import annotations

import asyncio
from typing import Any

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.servers import AsgiServer, Request

POST = Request("POST", "https://calls.example.com/a%20b/%C3%BC?x=1&y=%C3%BC", {"x-own": "yes"}, b"{}")
GET = Request("GET", "http://calls.example.com:8000/", {})


class Application:
    """Records its requests and replies."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        if scope["path"] == "/":
            raise RuntimeError("as the test wants it")
        await send({"type": "http.response.start", "status": 201, "headers": [(b"X-Reply", b"yes")]})
        await send({"type": "http.response.body", "body": b"[", "more_body": True})
        await send({"type": "http.response.body", "body": b"]"})


async def waiting(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_an_application_gets_the_request_as_from_a_web_server() -> None:
    application, clock = Application(), VirtualClock()

    server = AsgiServer(application, clock)
    response = await server.deliver(POST)

    (scope,) = application.scopes
    assert ("POST", "/a b/ü", b"x=1&y=%C3%BC", "https") == (
        scope["method"], scope["path"], scope["query_string"], scope["scheme"],
    )  # fmt: skip
    assert [(b"host", b"calls.example.com"), (b"x-own", b"yes"), (b"content-length", b"2")] == scope["headers"]
    assert (b"{}", ("calls.example.com", None)) == (application.bodies[0], scope["server"])
    assert (201, {"x-reply": "yes"}, b"[]", 0.0) == (
        response.status, response.headers, response.body, response.seconds,
    )  # fmt: skip
    assert clock() == server.now


async def test_an_exception_of_an_application_becomes_a_500_and_is_kept() -> None:
    server = AsgiServer(Application(), VirtualClock())

    response = await server.deliver(GET)

    assert (500, ["as the test wants it"]) == (
        response.status, [str(fault) for fault in server.faults],
    )  # fmt: skip


async def test_an_application_that_hangs_times_out() -> None:
    server = AsgiServer(waiting, VirtualClock(), patience_s=0.01)

    response = await asyncio.wait_for(server.deliver(POST), 5)

    assert "timeout" == response.failure
