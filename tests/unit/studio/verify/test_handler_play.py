"""What `ncco check` finds by playing handlers: the first mistakes of a developer, and nothing in sound code."""

from __future__ import annotations

from ncco_studio.verify.handler_play import play_handlers
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import project_of

HEAD = """
import random
from dataclasses import dataclass
from ncco_server import Call, Choice, RunFailed, call_flow

@dataclass
class Order:
    state: str
    days: int | None

def find(number: str) -> Order | None: ...

HOURS = {"office": {"timezone": "Europe/London", "week": {"mon-fri": "09:00-17:00"}}}

@call_flow(default=True, on_error="sorry", hours=HOURS)
async def shop(call: Call) -> None:
"""
MENU = 'choice = await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)})'


def found(body: str, head: str = HEAD) -> tuple[list[str], str]:
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    project = project_of(f"{head}{lines}\n")
    issues, never = play_handlers(project, {"DESK": "447700900111", "BOT": "https://bot.example.com"})
    return [f"{each.severity} {each.place.line} {each.code} {each.message}" for each in issues], "".join(never.values())


@each_case(
    ("body", "issue"),
    [
        ('call.talk("Hello.")\nawait call.talk("Bye.")', "R110 the handler has called a method of its"),
        ('await call.tlak("Hello.")', "error 17 R110 AttributeError: 'Call' object has no attribute 'tlak'"),
        (
            'await call.talk("Hello.", voice=2)',
            "error 17 R110 TypeError: Call.talk() got an unexpected",
        ),
        (f'{MENU}\nawait call.talk({{"one": "First.", "two": "Second."}}[choice])', "warning 18 R110 KeyError: None"),
        (f'{MENU}\nif choice == "two":\n    await call.talk(nmae)\nawait call.talk("Bye.")', "error 19 R110 NameError"),
        (
            f'await call.talk(f"Number {{random.random()}}.")\n{MENU}',
            "R111 the handler does something else",
        ),
        (f'{MENU}\nif choice == "one":\n    await call.talk("Bye.")', "warning 17 dead_end the caller hears nothing"),
        ('await call.talk("x" * 2000)', "error 17 E401 The text has 2000"),
        ('order = await call.run(find, "1")\nawait call.talk(order.state)', "error 18 R110 AttributeError: 'NoneType'"),
        (
            'if not call.hours("office").open:\n    await call.talk(nmae)\nawait call.talk("Hello.")',
            "error 18 R110 NameError",
        ),
        ('await call.connect("447700900111", from_=call.from_)\nawait call.talk("Bye.")', "W647"),
        ('await call.talk(call.env["NAME"])', "warning 17 W302 FLOW_NAME is not set"),
        ('await call.talk("Hello.")\nawait call.agent(call.env["BOT"], limit=60)', "error 18 N112 /1/endpoint/0/uri: "),
        ("while True:\n    pass", "R110 the handler ran too long without a wait"),
    ],
)
def test_a_mistake_is_found_at_its_line(body: str, issue: str) -> None:
    issues, _ = found(body)
    assert any(issue in each for each in issues), issues


SOUND = f"""
if not call.hours("office").open:
    await call.talk("We are closed.")
    return
for attempt in range(3):
    {MENU}
    if choice is None:
        continue
    try:
        order = await call.run(find, "1")
    except RunFailed:
        order = None
    if order is None or order.days is None:
        await call.talk("I do not know.")
        return
    outcome = await call.connect(call.env["DESK"], ends_call=False)
    await call.talk("Goodbye." if outcome == "completed" else "Nobody is there.")
    return
await call.talk("Goodbye.")
"""


def test_sound_code_has_no_issue_and_all_its_lines_are_reached() -> None:
    assert ([], "") == found(SOUND)


WITH_WISHES = HEAD.replace(
    "def find(",
    """
from datetime import date
from enum import StrEnum
from typing import Literal

class Wish(StrEnum):
    TABLE = "table"
    PERSON = "person"

@dataclass
class Booking:
    seats: int
    day: date | None
    room: Literal["garden", "bar"] | None

def find(""",
)
AGENT = """
given = await call.agent("wss://bot.example.com/calls", outcomes=Wish, returns=Booking, limit=600)
if given.outcome is Wish.TABLE and given.values:
    booking = given.values
    if booking.day is None:
        await call.talk("When?")
    elif booking.room == "garden":
        await call.talk(f"{booking.seats} seats in the garden.")
    else:
        await call.talk(f"{booking.seats} seats.")
elif given.outcome == "done":
    await call.talk("Goodbye.")
elif given.outcome == "too_long":
    await call.talk("The assistant is tired.")
else:
    await call.talk("A person will help you.")
"""


def test_each_outcome_of_an_agent_is_played() -> None:
    assert ([], "") == found(AGENT, WITH_WISHES)


def test_a_mistake_behind_an_agent_is_found() -> None:
    wrong = AGENT.replace("{booking.seats} seats.", "{booking.seats + booking.room} seats.")
    issues, _ = found(wrong, WITH_WISHES)

    assert any("TypeError" in each for each in issues), issues


def test_lines_that_no_call_reaches_are_listed() -> None:
    issues, never = found(f'{MENU}\nif choice == "three":\n    await call.talk("Three.")\nawait call.talk("Bye.")')
    assert ([], "line 19") == (issues, never)
