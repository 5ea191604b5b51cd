"""The server in the place of the bot sends the caller's audio back, until they press *."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.tracked import ROOT

SCOPE = {"type": "websocket", "path": "/calls", "headers": [], "query_string": b"", "subprotocols": []}


def audio(number: int) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": bytes([number]) * 640}


def event(**fields: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": json.dumps(fields)}


async def test_callers_hear_themselves_until_they_press_the_star_key() -> None:
    names = runpy.run_path(str(ROOT / "examples" / "bot" / "echo.py"))
    late: int = names["FRAMES"]
    received = iter(
        [
            {"type": "websocket.connect"},
            event(event="websocket:connected", call="leg-1"),
            *map(audio, range(late + 1)),
            event(event="websocket:dtmf", digit="1"),
            audio(late + 1),
            event(event="websocket:dtmf", digit="*"),
        ]
    )
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(received)

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await names["app"](SCOPE, receive, send)

    assert ["websocket.accept", "websocket.send", "websocket.send", "websocket.close"] == [
        each["type"] for each in sent
    ]
    assert [audio(0)["bytes"], audio(1)["bytes"]] == [it["bytes"] for it in sent[1:3]]


async def test_it_answers_the_request_of_the_handler() -> None:
    names = runpy.run_path(str(ROOT / "examples" / "bot" / "echo.py"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(names["app"]), base_url="http://bot") as client:
        assert {"topic": "other"} == (await client.get("/calls/leg-1")).json()
