"""The flow of benchmarks/flows as a handler in Python."""

from ncco_server import Call, Choice, call_flow


@call_flow(default=True, defaults={"talk": {"language": "en-GB", "style": 2}})
async def frontdesk(call: Call) -> None:
    """Ask what the call is about, and put it through."""
    topic = "sales or repairs"
    await call.talk(f"Thank you for calling from {call.from_}.")
    choice = await call.choose(
        f"What is it about: {topic}? For sales, press 1 or say sales. For repairs, press 2 or say repairs.",
        {"sales": Choice(1, ["sales", "buy", "order"]), "repairs": Choice(2, ["repairs", "help", "problem"])},
        noinput="Sorry, I did not hear you.",
        nomatch="Sorry, that is not one of the choices.",
    )
    await call.talk(f"I am putting you through to somebody for {choice or topic}.")
    await call.connect("447700900333", timeout=20)
    await call.talk("We cannot take your call now. Please call again in a few minutes.")
