"""The virtual Vonage opens the websockets of calls, and bots at them speak, close and fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket

from ncco_server.vonage.application_token import ApplicationTokens
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from tests.support.application_api import APPLICATION_ID
from tests.support.bots import serving_bots
from tests.support.cases import each_case
from tests.support.keys import private_pem, rsa_key
from tests.support.live_calls import call_in, heard, press, until
from tests.support.live_vonage import live_vonage
from tests.support.server import free_port
from tests.support.serving_thread import serving_thread

FALLBACK, AFTER = "One moment, please.", "Goodbye."
FAILED = {"failed", "unanswered", "disconnected"}


class ForeignServer:
    """Connects its callers to a websocket, and says something else when the socket fails or is closed."""

    def __init__(self, uri: str, authorization: Any = None, **action: Any) -> None:
        self.app = FastAPI()
        self.statuses: list[str] = []
        self.handed: list[Any] = []
        self.url = ""
        self._uri = uri
        self._more = {} if authorization is None else {"authorization": authorization}
        self._action = action
        self.app.post("/answer")(self.answer)
        self.app.post("/event")(self.event)
        self.app.post("/hand-back")(self.hand_back)

    async def answer(self) -> list[dict[str, Any]]:
        endpoint = {
            "type": "websocket",
            "uri": self._uri,
            "content-type": "audio/l16;rate=16000",
            "headers": {"hand_back": f"{self.url}/hand-back"},
            **self._more,
        }
        connect = {"action": "connect", "eventType": "synchronous", "endpoint": [endpoint], **self._action}
        return [{**connect, "eventUrl": [f"{self.url}/event"]}, {"action": "talk", "text": AFTER}]

    async def event(self, request: Request) -> list[dict[str, Any]] | None:
        event = await request.json()
        if not event["to"].startswith("ws"):
            return None
        self.statuses.append(event["status"])
        return [{"action": "talk", "text": FALLBACK}] if event["status"] in FAILED else None

    async def hand_back(self, request: Request) -> None:
        self.handed.append(await request.json())


@pytest.fixture(scope="module")
def bots() -> Iterator[str]:
    with serving_bots() as url:
        yield url


@asynccontextmanager
async def called(server: ForeignServer, parties: Parties | None = None) -> AsyncIterator[tuple[str, LiveVonage, Leg]]:
    """A call to the server: the URL of the virtual Vonage, this Vonage and the caller's leg."""
    with serving_thread(server.app) as port:
        server.url = f"http://127.0.0.1:{port}"
        async with live_vonage(
            parties or Parties(), 4, f"{server.url}/answer", f"{server.url}/event", opens_sockets=True
        ) as (url, live):
            yield url, live, await call_in(live, "442079460001")


async def test_a_bot_hears_keys_speaks_and_closes(bots: str) -> None:
    server = ForeignServer(f"{bots}/polite")
    async with called(server) as (_, live, leg):
        await until(lambda: heard(leg, "agent"))
        await press(live, leg, "7")
        await until(lambda: leg.is_over)

    assert [{"outcome": "refund", "values": {"order": "4717"}}] == server.handed
    assert ["started", "ringing", "answered", "disconnected", "completed"] == sorted(
        server.statuses, key=["started", "ringing", "answered", "disconnected", "completed"].index
    )
    assert [FALLBACK] == heard(leg)
    spoken = [each.seconds for each in leg.transcript if each.kind == "agent"]
    assert [0.2, 0.2] == [round(seconds or 0, 1) for seconds in spoken]


@each_case(("name", "status"), [("closing", "disconnected"), ("wrong_frames", "disconnected"), ("refusing", "failed")])
async def test_what_goes_wrong_at_the_bot_becomes_an_event(bots: str, name: str, status: str) -> None:
    server = ForeignServer(f"{bots}/{name}")
    async with called(server) as (_, _, leg):
        await until(lambda: leg.is_over)

    assert status in server.statuses
    assert [FALLBACK] == heard(leg)
    assert [] == heard(leg, "agent")


async def test_a_bot_that_nobody_serves_is_unanswered() -> None:
    server = ForeignServer(f"ws://127.0.0.1:{free_port()}/calls")
    async with called(server) as (_, _, leg):
        await until(lambda: leg.is_over)

    assert ["started", "ringing", "unanswered"] == server.statuses
    assert [FALLBACK] == heard(leg)


async def test_a_silent_bot_is_left_at_the_limit(bots: str) -> None:
    server = ForeignServer(f"{bots}/silent", limit=3)
    async with called(server) as (_, _, leg):
        await until(lambda: leg.is_over)

    assert "disconnected" not in server.statuses
    assert [AFTER] == heard(leg)


async def test_a_leg_that_is_hung_up_by_rest_is_not_disconnected(bots: str) -> None:
    server = ForeignServer(f"{bots}/silent")
    token = ApplicationTokens(APPLICATION_ID, private_pem(rsa_key())).make(datetime.now(UTC))
    async with called(server) as (url, _, leg), httpx.AsyncClient(trust_env=False) as client:
        await until(lambda: leg.dialled)
        client.headers["authorization"] = f"Bearer {token}"
        call = f"{url}/v1/calls/{leg.dialled[0].uuid}"
        while (await client.put(call, json={"action": "hangup"})).is_client_error:  # noqa: ASYNC110 - in its first second
            await asyncio.sleep(0.4)
        await until(lambda: leg.is_over)

    assert "completed" in server.statuses
    assert "disconnected" not in server.statuses
    assert [AFTER] == heard(leg)


async def test_a_websocket_among_the_people_is_not_opened(bots: str) -> None:
    uri = f"{bots}/polite"
    server = ForeignServer(uri)
    async with called(server, Parties({uri: Behaviour("failed")})) as (_, _, leg):
        await until(lambda: leg.is_over)

    assert "failed" in server.statuses
    assert [FALLBACK] == heard(leg)


async def test_the_handshake_has_the_written_authorization() -> None:
    shown = list[str]()
    app = FastAPI()

    @app.websocket("/calls")
    async def call(socket: WebSocket) -> None:
        shown.append(socket.headers.get("authorization", ""))
        await socket.close()

    with serving_bots(app) as url:
        server = ForeignServer(f"{url}/calls", {"type": "custom", "value": "Bearer 3f9a1c77"})
        async with called(server) as (_, _, leg):
            await until(lambda: leg.is_over)

    assert ["Bearer 3f9a1c77"] == shown
