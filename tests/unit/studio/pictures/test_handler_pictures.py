"""Pictures of handlers: the waits, with an arrow to every step that may follow."""

from __future__ import annotations

from typing import Final

from ncco_studio.pictures.graph import draw
from ncco_studio.pictures.svg import as_svg
from tests.unit.server.engine.handled_call import SORRY, project_of

HANDLER: Final = """\
from typing import Literal
from ncco_server import Call, Choice, RunFailed, call_flow

HOURS = {"office": {"timezone": "Europe/London", "week": {"mon-fri": "09:00-17:00"}}}


async def team_of(number: str) -> Literal["sales", "support"] | None:
    return "sales"


@call_flow(numbers=["442079460001"], hours=HOURS)
async def desk(call: Call) -> None:
    if not call.hours("office").open:
        await call.talk("We are closed.")
        return
    for attempt in range(3):
        choice = await call.choose("Press 1 or 2.", {"team": Choice(1), "bye": Choice(2)}, tries=1, name="menu")
        if choice == "bye":
            return
        if choice is None:
            continue
        number = await call.collect("Your number.", digits=4, name="number")
        if number is None:
            return
        try:
            team = await call.run(team_of, number)
        except RunFailed:
            await call.goto("sorry")
        if team == "sales":
            await call.connect("447700900111", ends_call=False, name="sales")
        elif team == "support":
            await call.connect("447700900222", ends_call=False, name="support")
        else:
            return
"""


def test_every_step_that_may_follow_has_an_arrow_with_what_leads_there() -> None:
    flow = project_of(HANDLER, {"flows/sorry.yaml": SORRY}).flows["desk"]
    drawing = draw([flow])

    names = {node.key: node.step or node.kind for graph in drawing.subgraphs for node in graph.nodes}
    arrows = {(names[each.start], names[each.end], " | ".join(each.lines)) for each in drawing.arrows}

    assert {
        ("start", "menu", "office open"),
        ("start", "the end, line 14", "office closed"),
        ("menu", "menu", "noinput, nomatch | after one try"),
        ("menu", "the end", "noinput, nomatch | after one try"),
        ("menu", "number", "team | 1"),
        ("menu", "the end", "bye | 2"),
        ("number", "sales", "entered | team_of: sales"),
        ("number", "support", "entered | team_of: support"),
        ("number", "the end", "entered | team_of: None"),
        ("number", "line 28", "entered | team_of: timed out"),
        ("number", "the end", "noinput, nomatch | after 3 tries"),
        ("sales", "menu", "completed, otherwise"),
        ("sales", "the end", "completed, otherwise"),
        ("support", "menu", "completed, otherwise"),
        ("support", "the end", "completed, otherwise"),
        ("the end", "end", ""),
        ("the end, line 14", "end", ""),
        ("line 28", "start", ""),
        ("start", "sorry", ""),
        ("sorry", "end", ""),
    } == arrows
    assert "team_of: support" in as_svg(drawing)
