"""A webhook server that somebody else wrote by hand; it knows nothing of this project, and has two faults.

1. Who says nothing makes it raise: `speech.results` is empty.
2. Who presses 2 gets an action that there is not.
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
"""Scenarios that do not hold: each finds one of the two."""

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
