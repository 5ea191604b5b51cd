"""Bots at websockets of the loopback, each of which does one thing well or badly, under its own path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException

from tests.support.serving_thread import serving_thread

FRAME: Final = b"\x00\x10\x00\xf0" * 160
"""20 ms of a loud tone at 16,000 samples a second."""

app = FastAPI()


class Bot:
    """The bot's side of one websocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.first: dict[str, Any] = {}

    async def begin(self) -> None:
        await self._socket.accept()
        self.first = await self._socket.receive_json()

    async def say(self, frames: int, frame: bytes = FRAME) -> None:
        for _ in range(frames):
            await self._socket.send_bytes(frame)

    async def send(self, **command: Any) -> None:
        await self._socket.send_json(command)

    async def send_text(self, text: str) -> None:
        await self._socket.send_text(text)

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name. Raises WebSocketDisconnect."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("text"):
                event: dict[str, Any] = json.loads(message["text"])
                if event["event"] == f"websocket:{name}":
                    return event

    async def say_to_the_end(self, frames: int) -> None:
        await self.say(frames)
        await self.send(action="notify", payload={"said": frames})
        assert {"said": frames} == (await self.event("notify"))["payload"]

    async def hand_back(self, outcome: str, **values: Any) -> int:
        return await self.post({"outcome": outcome, "values": values})

    async def post(self, body: Any) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(self.first["hand_back"], json=body)).status_code

    async def close(self) -> None:
        await self._socket.close()


async def polite(bot: Bot) -> None:
    """Greet, wait for a key, hand back and close."""
    await bot.say_to_the_end(10)
    key = (await bot.event("dtmf"))["digit"]
    await bot.say_to_the_end(10)
    await bot.hand_back("refund", order=f"471{key}")
    await bot.close()


async def silent(bot: Bot) -> None:
    """Say nothing until the caller has gone."""
    await bot.event("never")


async def closing(bot: Bot) -> None:
    """Close at once."""
    await bot.close()


async def wrong_frames(bot: Bot) -> None:
    """Send twice the size."""
    await bot.say(10, FRAME * 2)
    await bot.hand_back("refund", order="1")
    await bot.close()


async def hasty(bot: Bot) -> None:
    """Close before the words have been played."""
    await bot.say(100)
    await bot.hand_back("refund", order="1")
    await bot.close()


async def clearing(bot: Bot) -> None:
    """Take back a long sentence, which nobody misses."""
    await bot.say(100)
    await bot.send(action="clear")
    await bot.event("cleared")
    await polite(bot)


async def stuttering(bot: Bot) -> None:
    """Speak with a pause within a word."""
    await bot.say_to_the_end(10)
    await asyncio.sleep(0.3)
    await polite(bot)


async def staying(bot: Bot) -> None:
    """Hand back, but stay."""
    await bot.say_to_the_end(10)
    await bot.hand_back("refund", order="1")
    await silent(bot)


async def garbling(bot: Bot) -> None:
    """Send a text that nobody can read and a minute of sound at once, and a hand-back that does not fit."""
    await bot.send_text("[" * 100_000)
    await bot.say(1, FRAME * 3200)
    await bot.say_to_the_end(10)
    assert 422 == await bot.post({"outcome": "refund", "values": [1]})
    await bot.hand_back("refund", order="1")
    await bot.close()


_BOTS: Final = (polite, silent, closing, wrong_frames, hasty, clearing, stuttering, staying, garbling)


@app.websocket("/refusing")
async def refuse(_: WebSocket) -> None:
    """Refuse the handshake, with the status 403."""
    raise WebSocketException(1008)


@app.websocket("/{name}")
async def call(socket: WebSocket, name: str) -> None:
    bot = Bot(socket)
    await bot.begin()
    try:
        await {each.__name__: each for each in _BOTS}[name](bot)
    except WebSocketDisconnect:
        return


@contextmanager
def serving_bots(application: FastAPI = app, **options: Any) -> Iterator[str]:
    """Yields the URL to which a bot's name is added."""
    with serving_thread(application, ws="websockets-sansio", **options) as port:
        yield f"ws://127.0.0.1:{port}"
