"""A form by voice: the fields come from a list."""

from dataclasses import dataclass
from typing import Literal

from ncco_server import Call, Choice, RunFailed, call_flow

KEYS = {"right": Choice(1, "yes"), "again": Choice(2, "no")}


@dataclass
class Field:
    """A question of the form."""

    name: str
    prompt: str
    kind: Literal["digits", "words"]


FIELDS = [Field("birth", "Your year of birth, please.", "digits"), Field("city", "Your city, please.", "words")]


async def store(answers: dict[str, str]) -> bool:
    """Stands for a request."""
    return bool(answers)


async def ask(call: Call, field: Field) -> str | None:
    if field.kind == "digits":
        return await call.collect(field.prompt, digits=4, name=field.name)
    return await call.collect(field.prompt, speech=True, name=field.name)


@call_flow(numbers=["442079460805"], on_error="sorry")
async def form(call: Call) -> None:
    answers: dict[str, str] = {}
    for field in FIELDS:
        answer = await ask(call, field)
        if answer is None:
            await call.talk("Please call again when you have your papers.")
            return
        answers[field.name] = answer
    said = ", ".join(answers.values())
    if await call.choose(f"I heard {said}. If that is right, press 1. If not, press 2.", KEYS) != "right":
        await call.talk("Please call again.")
        return
    try:
        is_stored = await call.run(store, answers)
    except RunFailed:
        is_stored = False
    await call.talk("Thank you." if is_stored else "We could not keep your answers. Please call again.")
