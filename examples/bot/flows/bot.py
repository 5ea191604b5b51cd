"""The calls of Harbour Ferries: a voice bot answers, and a person when it cannot help or cannot be reached."""

from dataclasses import dataclass
from typing import Literal

import httpx
from pydantic import TypeAdapter

from ncco_server import Call, RunFailed, call_flow

BOT = {"type": "websocket", "uri": "wss://bot.example.com/calls", "content-type": "audio/l16;rate=16000"}
DESKS = {"booking": "447700900111", "refund": "447700900222", "other": "447700900333"}


@dataclass
class Wish:
    """What a caller wants, as the bot has understood it."""

    topic: Literal["booking", "refund", "other"]


async def find_wish(call: str) -> Wish:
    """Ask the bot's server about a call."""
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"https://bot.example.com/calls/{call}")
    return TypeAdapter(Wish).validate_json(reply.raise_for_status().content)


@call_flow(numbers=["442079460520"], on_error="message", defaults={"talk": {"language": "en-GB", "style": 2}})
async def bot(call: Call) -> None:
    """Connect the caller to the bot, and then to a person unless the bot has hung up."""
    await call.talk("Thank you for calling Harbour Ferries. You are talking to our assistant.")
    headers = {"call": call.uuid, "caller": call.from_}
    await call.connect({**BOT, "headers": headers}, name="assistant")
    try:
        wish = await call.run(find_wish, call.uuid)
        desk = DESKS[wish.topic]
    except RunFailed:
        desk = DESKS["other"]
    await call.talk("I am connecting you to a colleague.")
    await call.connect(desk, timeout=25, name="desk")
    await call.goto("message")
