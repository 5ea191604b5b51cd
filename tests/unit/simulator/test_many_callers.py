"""Several callers at once on one clock, each played by a task of its own."""

from __future__ import annotations

import asyncio

from app.simulator import PhoneCall
from tests.unit.simulator.scripted_server import Line, ask, heard, playing, talk

MENU = [talk("Press one."), ask(dtmf={"maxDigits": 1})]


async def caller(line: Line, after: float, digit: str) -> PhoneCall:
    await line.vonage.run(after)
    call = await line.call(from_=f"44770090010{digit}")
    await call.listen()
    await call.press(digit, at=2.0 + int(digit) / 10)
    await call.listen()
    return call


async def test_each_caller_is_served_in_its_own_time() -> None:
    line = Line({"answer": playing(MENU), "input": [talk("one two three")]})

    calls = await asyncio.gather(*(caller(line, digit * 0.3, str(digit)) for digit in range(9)))

    assert [
        [
            (0.0, "talk", "Press one."),
            (2.0 + digit / 10, "pressed", str(digit)),
            (2.0 + digit / 10, "talk", "one two three"),
        ]
        for digit in range(9)
    ] == [heard(call)[:3] for call in calls]
    assert [str(digit) for digit in range(9)] == [body["dtmf"]["digits"] for body in line.bodies("input")]


async def test_a_hundred_callers_at_once_have_the_same_course_as_one() -> None:
    line = Line({"answer": playing(MENU), "input": [talk("one two three")]})

    calls = await asyncio.gather(*(caller(line, 0, "1") for _ in range(100)))

    assert 1 == len({tuple(heard(call)) for call in calls})
    assert 100 == len({call.uuid for call in calls})
