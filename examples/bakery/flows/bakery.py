"""The survey of the Corner Bakery: a server decides how many questions there are, and which."""

from contextlib import suppress

import httpx
from pydantic import TypeAdapter

from ncco_server import Call, Choice, RunFailed, call_flow

ANSWERS = {"1": Choice(1), "2": Choice(2), "3": Choice(3), "4": Choice(4), "5": Choice(5)}


async def load_questions(server: str) -> list[str]:
    """The questions of today."""
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{server}/questions")
    return TypeAdapter(list[str]).validate_json(reply.raise_for_status().content)


@call_flow(
    numbers=["442079460510"],
    hooks={
        "answered": {
            "post": "{{ env.SURVEY_URL }}/answers",
            "params": {"question": "text", "answer": "int"},
            "json": {"call": "{{ call.uuid }}", "question": "{{ question }}", "answer": "{{ answer }}"},
        },
    },
    results={"finished": "the caller answered every question", "stopped": "the caller stopped answering"},
    defaults={"talk": {"language": "en-GB", "style": 2}},
)
async def bakery(call: Call) -> None:
    """Ask one question after the other, and send each answer at once."""
    questions: list[str] = []
    with suppress(RunFailed):
        questions = await call.run(load_questions, call.env["SURVEY_URL"])
    if not questions:
        await call.talk("Our survey is closed right now. Thank you for calling.")
        return
    await call.talk("Thank you for calling the Corner Bakery. Please answer with a key from 1, bad, to 5, good.")
    for question in questions:
        answer = await call.choose(
            question,
            ANSWERS,
            noinput="Please press a key.",
            nomatch="Please press a key from 1 to 5.",
            tries=2,
            name="question",
        )
        if answer is None:
            await call.result("stopped")
            await call.talk("We have saved your answers. Goodbye.")
            return
        await call.send("answered", question=question, answer=int(answer))
    await call.result("finished")
    await call.talk("Thank you, that was the last question. See you soon.")
