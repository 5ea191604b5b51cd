"""Loading a file with a handler runs the file, and nothing of the handler."""

from __future__ import annotations

from typing import Final

import pytest

from ncco_server.engine import TurnContext, played_step
from ncco_server.flow.handlers.cures import syntax_cure
from ncco_server.flow.handlers.reading import Explore, LoadedHandler, run_file
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_studio.verify.prove.handler_steps import explore
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SORRY, HandledCall

HEAD: Final = """\
from ncco_server import Call, call_flow

RUNS = []

@call_flow(numbers=["442079460150"], on_error="sorry")
async def shop(call: Call):
    RUNS.append(call.to)
"""


def loaded(body: str, explore: Explore | None = None) -> Project:
    texts = {"flows/shop.py": f"{HEAD}{body}", "flows/sorry.yaml": SORRY}
    return load(texts, {}, extent="project", handlers=["shop.py"], explore=explore)


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
        ("class Odd(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise Odd\n", ["E701"]),
        ("class Odd(Exception):\n    def __str__(self):\n        raise SystemExit(3)\nraise Odd\n", ["E701"]),
        (HEAD.replace("call: Call", "call: Call, a: 'exit(3)' = 1"), ["E701"]),
        ('import re\nre.match("(a+)+$", "a" * 40 + "b")\n', ["E701"]),
        (
            'import re\nwhile True:\n    try:\n        re.match("(a+)+$", "a" * 40 + "b")\n'
            "    except BaseException:\n        pass\n",
            ["E701"],
        ),
        (f"{HEAD}class Lazy:\n    @property\n    def __class__(self):\n        raise RuntimeError\nx = Lazy()\n", []),
    ],
)
def test_a_file_is_read_whatever_its_objects_do_when_they_are_looked_at(code: str, codes: list[str]) -> None:
    found = run_file("flows/shop.py", code, hurries=True)

    assert codes == [each.code for each in found.issues]


@each_case("written", ["@call_flow\nasync def late_shop", '@call_flow(name="late-shop")\nasync def night'])
def test_a_flow_is_known_although_its_code_cannot_be_read(written: str) -> None:
    broken = f"from ncco_server import Call, call_flow\n\n{written}(call: Call):\n    await call.talk(\n"
    caller = HEAD.replace('"sorry"', '"late-shop"')
    found = load({"flows/a.py": broken, "flows/b.py": caller}, {}, extent="project", handlers=["a.py", "b.py"])

    assert [("flows/a.py", "E701")] == [(each.place.file, each.code) for each in found.issues if each.is_error]


def test_values_that_name_each_other_are_found_at_once() -> None:
    """Each name stands for two others: places must not be searched in each of 2**60 ways."""
    names = "".join(f"    a{n} = a{n - 1} or b{n - 1}\n    b{n} = b{n - 1} or a{n - 1}\n" for n in range(1, 60))
    project = loaded(f"    a0 = 'Hello.'\n    b0 = a0\n{names}    await call.talk(a59, level=7)\n", explore)

    assert ["E401"] == [each.code for each in project.issues if each.is_error]


def test_what_the_code_shows_is_reported_without_a_run() -> None:
    missing_await = loaded('    call.talk("Hello.")\n')
    unset = loaded('    await call.talk(call.env["DESK"])\n')

    late = loaded("    await call.run(print, limit_ms=15000)\n")

    assert [("W705", 7), ("E703", 8)] == [(each.code, each.place.line) for each in late.issues]
    assert [("W705", 7), ("E706", 8)] == [(each.code, each.place.line) for each in missing_await.issues]
    assert [("W705", 7), ("W302", 8)] == [(each.code, each.place.line) for each in unset.issues]


@each_case(
    ("code", "places"),
    [
        ("    await fetch(limit_ms=3000)\nasync def fetch(limit_ms): ...\n", []),
        ("    await call.run(print, limit_ms=2001)\n", ["E703 7"]),
        ("    await call.run(print, limit_ms=2000)\n", []),
        ("    await call.hold(len, 'x', up_to_s=9, talk='Wait.', limit_ms=3500)\n", ["E703 7"]),
        ("    await call.run(print, limit_ms=MOST)\nMOST = 2500\n", ["E703 7"]),
        ("    await call.run(print, limit_ms=MOST)\nMOST = 15000\n", ["E703 7"]),
        ("    await call.run(print, limit_ms=MOST)\nMOST = 900\n", []),
        ("    await call.run_all(call.run(print, limit_ms=1500), call.run(print, limit_ms=1500))\n", []),
    ],
)
def test_a_function_has_no_more_time_than_all_of_a_turn(code: str, places: list[str]) -> None:
    text = HEAD.replace("    RUNS.append(call.to)\n", code)
    texts = {"flows/shop.py": text, "flows/sorry.yaml": SORRY}
    for explores in (None, explore):
        project = load(texts, {}, extent="project", handlers=["shop.py"], explore=explores, budget_ms=2000)
        issues = [f"{each.code} {each.place.line}" for each in project.issues if each.code == "E703"]
        assert places == issues


def test_a_handler_that_is_not_explored_plays_the_same() -> None:
    body = '    await call.talk("Hello.")\n    await call.collect("Your number, please.", digits=4)\n'
    texts = {"flows/shop.py": HEAD.replace("    RUNS.append(call.to)\n", body), "flows/sorry.yaml": SORRY}
    as_served = load(texts, {}, extent="project", handlers=["shop.py"])
    as_checked = load(texts, {}, extent="project", handlers=["shop.py"], explore=explore)

    served, checked = HandledCall(as_served.flows["shop"]), HandledCall(as_checked.flows["shop"])

    assert served.ncco == checked.ncco
    assert [(each.did, each.step, each.where) for each in served.turn.trace] == [
        (each.did, each.step, each.where) for each in checked.turn.trace
    ]


def test_a_revision_is_explored_for_its_proof() -> None:
    texts = {"flows/shop.py": f'{HEAD}    await call.talk("Hello.")\n', "flows/sorry.yaml": SORRY}
    flow = load(texts, {}, extent="project", handlers=["shop.py"], explore=explore).flows["shop"]

    revision = load(flow.sources, {}, handlers=["shop.py"], explore=explore)

    assert [*flow.steps] == [*revision.flows["shop"].steps] != []


def test_a_step_that_another_process_has_played_is_known() -> None:
    body = '    await call.talk("Hello.")\n    await call.collect("Your number, please.", digits=4)\n'
    body += '    await call.record(endOnKey="#")\n    await call.collect("Another one.", digits=4)\n'
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


def test_a_long_row_of_names_is_checked() -> None:
    names = "".join(f"    x{each + 1} = x{each}\n" for each in range(1500))

    assert not loaded(f'    x0 = await call.connect("447700900111")\n{names}    x1500 == "busy"\n').has_errors


def test_a_sign_in_an_f_string_is_found_although_python_gives_no_column() -> None:
    assert "write `.from_`: Python reserves `from`" == syntax_cure(
        "f-string: invalid syntax", 'talk(f"{call.from}")', 5
    )
