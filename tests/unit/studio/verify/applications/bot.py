"""A bot: by websocket, and turn by turn if that fails."""

from dataclasses import dataclass

from ncco_server import Call, RunFailed, call_flow

BOT = {"type": "websocket", "uri": "wss://bot.example.com/calls", "content-type": "audio/l16;rate=16000"}
PERSON = "447700900333"


@dataclass
class Reply:
    """What the bot says, and whether it has finished."""

    text: str
    is_last: bool


async def reply_to(words: str) -> Reply:
    """Stands for a request."""
    return Reply("Goodbye.", is_last=True)


@call_flow(numbers=["442079460808"], on_error="sorry")
async def bot(call: Call) -> None:
    await call.talk("You are talking to our assistant.")
    outcome = await call.connect({**BOT, "headers": {"call": call.uuid}}, name="assistant")
    if outcome == "disconnected":
        await call.talk("Goodbye.")
        return
    prompt = "How can I help you?"
    for _ in range(4):
        words = await call.collect(prompt, speech=True)
        if words is None:
            break
        try:
            reply = await call.run(reply_to, words)
        except RunFailed:
            break
        if reply.is_last:
            await call.talk(reply.text or "Goodbye.")
            return
        prompt = reply.text or "Please go on."
    await call.talk("I am connecting you to a colleague.")
    await call.connect(PERSON, timeout=25)
    await call.talk("Nobody is free right now. Please call again later.")
