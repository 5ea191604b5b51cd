"""A WebSocket server in the place of the bot: callers hear what they say, one second later, until they press *.

Start it with `uvicorn echo:app --port 8080` (it needs `uvicorn[standard]`, which speaks WebSocket), and write its
public address into flows/bot.py.
"""

import json
from collections import deque

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
FRAMES = 50
"""One second: Vonage sends a frame of audio every 20 ms."""


@app.websocket("/calls")
async def echo(socket: WebSocket) -> None:
    """Binary messages are audio; text messages are events, of which the first has the headers of `connect`."""
    await socket.accept()
    late: deque[bytes] = deque()
    try:
        while True:
            message = await socket.receive()
            if (audio := message.get("bytes")) is not None:
                late.append(audio)
                if len(late) > FRAMES:
                    await socket.send_bytes(late.popleft())
            elif (text := message.get("text")) is not None:
                event = json.loads(text)
                if event.get("event") == "websocket:dtmf" and event.get("digit") == "*":
                    await socket.close()  # `connect` reports `disconnected`, and a person takes over
                    return
            else:
                return
    except WebSocketDisconnect:
        return


@app.get("/calls/{call}")
async def find_wish(call: str) -> dict[str, str]:
    """What the caller wants, which flows/bot.py asks for when the bot has left the call."""
    return {"topic": "other"}
