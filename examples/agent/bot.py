"""A speech bot for the callers of Harbour Ferries, with a stand-in for its model, which beeps and recognises keys.

Start it with `uvicorn bot:app --port 8080`; it needs `uvicorn[standard]`, which serves websockets.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
FRAME = b"\x00\x10\x00\xf0" * 160
"""20 ms of a beep, as 640 bytes: the only size that Vonage plays at 16,000 samples a second."""
PATIENCE_S = 10.0
WISHES = {"1": "booking", "2": "refund", "0": "person", "*": "done"}


@app.websocket("/calls")
async def answer(socket: WebSocket) -> None:
    """Talk to one caller. An exception closes the websocket without a hand-back, so a person takes the call."""
    await socket.accept()
    first = await socket.receive_json()  # websocket:connected, with the headers
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            function_call = await talk(socket, client, first["hand_back"])
            (await client.post(first["hand_back"], json=function_call)).raise_for_status()
            await socket.close()  # only now: Vonage's `disconnected` gets what the caller hears next
        except WebSocketDisconnect:
            return  # the caller has hung up, or the limit is reached


async def talk(socket: WebSocket, client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """The stand-in for a model: returns its finished function call."""
    outcome = "person"  # for callers who say nothing that the model understands
    await say(socket, client, url, "Do you want to book (1), a refund (2), or a person (0)?")
    async for event in events(socket):
        if event["event"] == "websocket:dtmf" and event["digit"] in WISHES:
            outcome = WISHES[event["digit"]]
            break
    last_words = f"Your wish: {outcome}."
    await say(socket, client, url, last_words)
    async for event in events(socket):
        if event == {"event": "websocket:notify", "payload": {"said": last_words}}:
            break  # the caller has heard them
    return {"outcome": outcome, "values": {"order": "4711"} if outcome == "refund" else {}}


async def say(socket: WebSocket, client: httpx.AsyncClient, url: str, text: str) -> None:
    """Beep for this text. Vonage buffers a minute of speech, so the frames may come at once."""
    for _ in text:
        await socket.send_bytes(FRAME)
    await socket.send_json({"action": "notify", "payload": {"said": text}})
    await client.post(f"{url}/said", json={"who": "agent", "text": text})  # at most one a second is stored


async def events(socket: WebSocket) -> AsyncIterator[dict[str, Any]]:
    """Vonage's messages that are no audio, until none comes for a while. Raises WebSocketDisconnect."""
    try:
        while True:
            async with asyncio.timeout(PATIENCE_S):
                while not (text := await received(socket)):
                    pass
            yield json.loads(text)
    except TimeoutError:
        return


async def received(socket: WebSocket) -> str | None:
    """The text of the next message; None for 20 ms of the caller's audio. Raises WebSocketDisconnect."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message.get("text")
