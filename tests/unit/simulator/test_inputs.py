"""`input`: keys, speech, both. Source: NCCO reference, Input."""

from __future__ import annotations

from app.simulator import Waited
from tests.unit.simulator.scripted_server import Line, ask, talk, url

BOTH = ask(type=["dtmf", "speech"])


async def test_what_is_open_is_known_while_a_prompt_plays() -> None:
    line = Line({"answer": [talk("Press one or say sales.", bargeIn=True), BOTH]})

    call = await line.call()
    during = call.open
    moment = await call.listen()

    assert isinstance(during, Waited)
    assert frozenset({"dtmf", "speech"}) == during.takes
    assert during is moment.waited
    assert url("input") == during.action["eventUrl"]


async def test_who_hangs_up_within_an_input_sends_none() -> None:
    line = Line({"answer": [ask()]})

    call = await line.call()
    await call.press("1")
    await call.hang_up(at=1)

    assert ([], "user") == (line.bodies("input"), call.ended_by)
