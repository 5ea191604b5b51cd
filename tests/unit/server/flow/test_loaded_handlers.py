"""Loading a file with a handler runs the file, and nothing of the handler."""

from __future__ import annotations

from typing import Final

import pytest

from ncco_server.engine import TurnContext, played_step
from ncco_server.flow.handlers.reading import LoadedHandler, run_file
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SORRY, HandledCall

HEAD: Final = """\
from ncco_server import Call, call_flow

RUNS = []

@call_flow(numbers=["442079460150"], on_error="sorry")
async def shop(call: Call):
    RUNS.append(call.to)
"""


def loaded(body: str) -> Project:
    texts = {"flows/shop.py": f"{HEAD}{body}", "flows/sorry.yaml": SORRY}
    return load(texts, {}, extent="project", handlers=["shop.py"])


@pytest.mark.parametrize(
    "body",
    [
        "    while True:\n        pass\n",
        "    import sys\n    sys.exit()\n",
        '    await getattr(call, "tlak")("Hello.")\n',
        '    await call.goto("nowhere")\n',
    ],
    ids=["a loop", "an exit", "a method that does not exist", "a flow that does not exist"],
)
def test_a_handler_is_loaded_whatever_it_does(body: str) -> None:
    project = loaded(body)

    assert not project.has_errors
    assert ["shop", "sorry"] == sorted(project.flows)
    flow = project.flows["shop"]
    assert isinstance(flow.handler, LoadedHandler)
    assert [] == flow.handler.flow.function.__globals__["RUNS"]
    assert [] == list(flow.steps)


@each_case(
    ("code", "codes"),
    [
        ("class Odd(Exception):\n    def __str__(self):\n        raise SystemExit(3)\nraise Odd\n", ["E701"]),
        (HEAD.replace("call: Call", "call: Call, a: 'exit(3)' = 1"), ["E701"]),
        (f"{HEAD}class Lazy:\n    @property\n    def __class__(self):\n        raise RuntimeError\nx = Lazy()\n", []),
    ],
)
def test_a_file_is_read_whatever_its_objects_do_when_they_are_looked_at(code: str, codes: list[str]) -> None:
    [found] = run_file("flows/shop.py", code)

    assert codes == [each.code for each in found.issues]


@each_case("written", ["@call_flow\nasync def late_shop", '@call_flow(name="late-shop")\nasync def night'])
def test_a_flow_is_known_although_its_code_cannot_be_read(written: str) -> None:
    broken = f"from ncco_server import Call, call_flow\n\n{written}(call: Call):\n    await call.talk(\n"
    caller = HEAD.replace('"sorry"', '"late-shop"')
    found = load({"flows/a.py": broken, "flows/b.py": caller}, {}, extent="project", handlers=["a.py", "b.py"])

    assert [("flows/a.py", "E701")] == [(each.place.file, each.code) for each in found.issues if each.is_error]


def test_a_step_that_another_process_has_played_is_known() -> None:
    body = '    await call.talk("Hello.")\n    await call.collect("Your number, please.", digits=4)\n'
    body += '    await call.record(end_on_key="#")\n    await call.collect("Another one.", digits=4)\n'
    texts = {"flows/shop.py": HEAD.replace("    RUNS.append(call.to)\n", body), "flows/sorry.yaml": SORRY}
    call = HandledCall(load(texts, {}, extent="project", handlers=["shop.py"]).flows["shop"])
    names = [call.session.step]
    call.press("1234")
    names.append(call.session.step)
    elsewhere = load(texts, {}, extent="project", handlers=["shop.py"]).flows["shop"]
    context = TurnContext(call.now, lambda ref: "", lambda session, secret: "", {}, ())

    found = [played_step(elsewhere, call.session, ("shop", name), context) for name in names]

    assert names == [step.name if step is not None else "" for step in found]
    assert played_step(elsewhere, call.session, ("shop", "line 99"), context) is None
