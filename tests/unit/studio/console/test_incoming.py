"""Calls that the server places in development ring on every page and are answered on the phone page."""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI, Request

from ncco_server.service.outgoing import new_client
from ncco_server.settings.fields import VoiceAccess
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.signatures import Verifier
from ncco_server.vonage.voice_api import CreatedCall, NewCall, VoiceApi
from ncco_studio.console.app import create_console
from ncco_studio.console.phone.incoming import IncomingCalls
from tests.support.keys import private_pem, rsa_key
from tests.support.serving_thread import serving_thread
from tests.unit.studio.console.conftest import REPOSITORY, logged_in, settings_for

TO, FROM = "447700900123", "442079460001"
SECRET = "a signature secret of thirty-two bytes"
PUBLIC = "https://calls.example.com"
PEM: Final = private_pem(rsa_key())
WITHIN_S: Final = 30.0
FAST: Final = 4.0


class Webhooks:
    """A server that asks for a key and keeps what it receives."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.post("/webhooks/{name}")(self.take)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[tuple[bytes, bytes]] = []

    async def take(self, name: str, request: Request) -> list[dict[str, Any]]:
        raw = await request.body()
        self.tokens.append((request.headers.get("authorization", "").encode(), raw))
        self.sent.append((name, json.loads(raw)))
        if name == "answer":
            asked = {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1, "timeOut": 10}}
            return [{"action": "talk", "text": "Hi."}, {**asked, "eventUrl": [f"{PUBLIC}/webhooks/keys"]}]
        return [{"action": "talk", "text": "Thank you.", "loop": 0}] if name == "keys" else []

    async def wait_for(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first such webhook, after waiting for it."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for sent, body in self.sent:
                    if sent == name and fields.items() <= body.items():
                        return body
                await asyncio.sleep(0.02)


@dataclass
class Line:
    """A console whose server places calls."""

    console: FastAPI
    client: httpx.AsyncClient
    api: VoiceApi
    webhooks: Webhooks

    async def place(self, **more: Any) -> CreatedCall:
        answer, event = f"{PUBLIC}/webhooks/answer", f"{PUBLIC}/webhooks/event"
        return await self.api.create_call(NewCall(to=TO, from_=FROM, answer_url=answer, event_url=event, **more))

    async def ringing(self) -> str:
        """The fragment on every page, after waiting for a ringing call."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                reply = await self.client.get("/phone/ringing", headers={"x-unattended": "true"})
                assert 200 == reply.status_code
                if "ringing-" in reply.text:
                    return reply.text
                await asyncio.sleep(0.02)

    async def choose(self, call: CreatedCall, choice: str) -> httpx.Response:
        await self.ringing()
        return await self.client.post(f"/phone/ringing/{call.uuid}/{choice}")

    async def step(self, call: CreatedCall, step: Any) -> str:
        reply = await self.client.post(f"/phone/calls/placed-{call.uuid}/steps", json={"step": step})
        assert 200 == reply.status_code, reply.text
        return reply.text

    async def see(self, call: CreatedCall, text: str) -> str:
        """The page of a call, after waiting for a text on it."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                reply = await self.client.post(f"/phone/calls/placed-{call.uuid}/advance", json={"at": 0})
                assert 200 == reply.status_code, reply.text
                if text in html.unescape(reply.text):
                    return html.unescape(reply.text)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def placing(*, may_change: bool = True, speed: float = 1.0) -> AsyncIterator[Line]:
    """A line whose pages are open in a browser."""
    webhooks = Webhooks()
    settings = settings_for(REPOSITORY, public_url=PUBLIC, signature_secret=SECRET)
    with serving_thread(webhooks.app) as port:
        listener = socket.create_server(("127.0.0.1", 0))
        access = VoiceAccess(f"http://127.0.0.1:{listener.getsockname()[1]}", "an-application", PEM)
        incoming = IncomingCalls(settings, access, f"http://127.0.0.1:{port}", listener, speed=speed)
        console = create_console(settings, dev=True, incoming=incoming)
        tokens = ApplicationTokens(access.application_id, PEM)
        async with (
            console.router.lifespan_context(console),
            await logged_in(console, may_change=may_change) as client,
            new_client() as http,
        ):
            yield Line(console, client, VoiceApi(http, access.api_url, tokens, lambda: datetime.now(UTC)), webhooks)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with placing() as found:
        yield found


async def test_a_placed_call_rings_is_answered_and_talks_with_the_server(line: Line) -> None:
    call = await line.place()
    rings = html.unescape(await line.ringing())
    assert 'id="ringing"' in (await line.client.get("/calls")).text
    assert "is ringing: a call from" in rings

    answered = await line.choose(call, "answer")
    assert f"/phone?call=placed-{call.uuid}" == answered.headers["hx-redirect"]
    assert "ringing-" not in answered.text
    assert call.uuid == (await line.webhooks.wait_for("answer"))["uuid"]

    shown = await line.see(call, 'data-moment="input"')
    assert "Hi." in shown
    assert 'data-incoming="true"' in shown
    assert 'data-over="false"' in shown
    await line.step(call, {"press": "7"})
    assert "7" == (await line.webhooks.wait_for("keys"))["dtmf"]["digits"]
    await line.see(call, "Thank you.")
    await line.step(call, {"speak": "Goodbye."})
    await line.step(call, "hangup")
    over = await line.see(call, 'data-over="true"')
    assert f'href="/calls/{call.uuid}"' in over
    assert "user" == (await line.webhooks.wait_for("event", status="completed"))["disconnected_by"]


async def test_webhooks_of_the_public_url_reach_this_machine_and_are_signed(line: Line) -> None:
    call = await line.place()
    await line.choose(call, "answer")

    answer = await line.webhooks.wait_for("answer")
    assert answer["region_url"].startswith("http://127.0.0.1:")
    verifier = Verifier([SECRET], application_id="an-application")
    for header, body in line.webhooks.tokens:
        claims = verifier.verify(verifier.token(header), "POST", body, datetime.now(UTC).timestamp())
        assert "an-application" == claims["application_id"]


@pytest.mark.parametrize(("choice", "status"), [("decline", "rejected"), ("ring", "timeout")])
async def test_a_call_that_is_not_answered_ends(choice: str, status: str) -> None:
    async with placing(speed=FAST) as line:
        call = await line.place(ringing_timer=20)

        reply = await line.choose(call, choice)

        assert "hx-redirect" not in reply.headers
        await line.webhooks.wait_for("event", status=status)
        assert status == (await line.api.call(call.uuid)).status


async def test_a_phone_that_nobody_watches_rings_until_the_timer_ends(line: Line) -> None:
    await line.place(ringing_timer=1)

    await line.webhooks.wait_for("event", status="timeout")

    assert "ringing-" not in (await line.client.get("/phone/ringing")).text


async def test_a_mailbox_answers_as_a_machine() -> None:
    async with placing(speed=FAST) as line:
        call = await line.place(machine_detection="continue")

        reply = await line.choose(call, "mailbox")

        assert f"/phone?call=placed-{call.uuid}" == reply.headers["hx-redirect"]
        assert call.uuid == (await line.webhooks.wait_for("event", status="machine"))["call_uuid"]


async def test_a_connect_of_a_placed_call_rings_too(line: Line) -> None:
    ncco = [{"action": "connect", "from": FROM, "endpoint": [{"type": "phone", "number": "447700900456"}]}]
    call = await line.api.create_call(NewCall(to=TO, from_=FROM, ncco=ncco))
    await line.choose(call, "answer")

    found = re.search(r'id="ringing-(\w+)"', await line.ringing())
    assert found is not None
    assert call.uuid != found[1]
    assert 200 == (await line.client.post(f"/phone/ringing/{found[1]}/answer")).status_code
    assert "ringing-" not in (await line.client.get("/phone/ringing")).text


async def test_a_read_only_user_sees_the_call_ring_and_cannot_answer() -> None:
    async with placing(may_change=False) as line:
        call = await line.place()

        assert "<button" not in await line.ringing()
        refused = await line.client.post(f"/phone/ringing/{call.uuid}/answer")
        pressed = await line.client.post(f"/phone/calls/placed-{call.uuid}/steps", json={"step": {"press": "1"}})

        assert [403, 403] == [refused.status_code, pressed.status_code]
        await line.see(call, 'data-over="false"')


async def test_an_unknown_call_is_not_found(line: Line) -> None:
    unknown = ("ringing/nobody/answer", "ringing/..%2f..%2fchange/answer", "calls/placed-nobody/advance")
    assert [404] * 3 == [(await line.client.post(f"/phone/{path}", json={})).status_code for path in unknown]
    assert 422 == (await line.client.post("/phone/ringing/nobody/shout", json={})).status_code


async def test_an_impossible_action_is_explained(line: Line) -> None:
    call = await line.place()
    await line.choose(call, "answer")
    await line.see(call, "Hi.")

    assert "not possible" in await line.step(call, {"dial": {"outcome": "busy"}})
    await line.step(call, "hangup")
    await line.see(call, 'data-over="true"')
    assert "the call ended" in (await line.step(call, {"press": "1"})).lower()


async def test_a_console_whose_server_places_no_calls_does_not_ask_for_them() -> None:
    console = create_console(settings_for(REPOSITORY), dev=True)
    async with await logged_in(console) as client:
        page = await client.get("/calls")

        assert 'id="ringing"' not in page.text
        assert 404 == (await client.get("/phone/ringing")).status_code
