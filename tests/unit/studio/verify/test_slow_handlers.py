"""`ncco check` says which line of a handler is slow, and only that one."""

from __future__ import annotations

from functools import partial
from typing import Final

from ncco_server.flow.loader import load
from ncco_studio.verify.handlers.exploring import explore
from ncco_studio.verify.prove.space import SearchLimits
from tests.unit.server.engine.handled_call import handler_issues, project_of

HEAD: Final = """
from ncco_server import Call, Choice, call_flow

@call_flow(numbers=["442079460150"])
async def shop(call: Call):
    await call.talk("Hello.")
"""


def test_an_exploration_that_takes_long_blames_no_line() -> None:
    code = f'{HEAD}    await call.choose("Press 1.", {{"one": Choice(1)}})\n'
    in_no_time = partial(explore, most=SearchLimits(seconds=-1.0))

    project = load({"flows/shop.py": code}, {}, extent="project", handlers=["shop.py"], explore=in_no_time)

    assert () == project.issues


def test_a_line_that_never_ends_is_reported() -> None:
    code = f"{HEAD}    while True:\n        pass\n"

    (issue,) = handler_issues(project_of(code))

    assert "W703" == issue.code
    assert issue.place.line in (7, 8)
