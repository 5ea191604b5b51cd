"""A webhook server written by hand, independently of this project, with two faults.

1. If the caller says nothing, it raises an error: `speech.results` is empty.
2. If the caller presses 2, it replies with an action that does not exist.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

FINDS_BOTH = """\
who says nothing is asked again:
  script:
    - silence
    - hear: Press 1 for news
who presses 2 is told good bye:
  script:
    - press: 2
    - hear: Goodbye
"""
"""Scenarios that fail; each finds one of the two faults."""

app = FastAPI()


def say(text: str) -> dict[str, Any]:
    return {"action": "talk", "text": text}


@app.get("/answer")
async def answer(request: Request) -> list[dict[str, Any]]:
    listen = {"type": ["dtmf", "speech"], "dtmf": {"maxDigits": 1}, "eventUrl": [f"{request.base_url}choice"]}
    return [say("Press 1 for news, press 2 to hang up, or say news.") | {"bargeIn": True}, {"action": "input"} | listen]


@app.post("/choice")
async def choice(event: dict[str, Any]) -> list[dict[str, Any]]:
    if event["dtmf"]["digits"] == "1":
        return [say("There is no news.")]
    if event["dtmf"]["digits"] == "2":
        return [{"action": "hangup"}]
    return [say(f"You said {event['speech']['results'][0]['text']}.")]


@app.post("/event")
async def event() -> None: ...
