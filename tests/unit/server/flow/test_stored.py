"""Flows of stored revisions are the same flows, whose steps are read when calls get there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest

from ncco_server.flow.checks.graph import check_cycles
from ncco_server.flow.files import read_project
from ncco_server.flow.language.flow import ReadFlow, read_flow, read_head
from ncco_server.flow.language.shared import Context
from ncco_server.flow.language.step import ReadStep
from ncco_server.flow.loader import load, load_stored
from ncco_server.flow.model import Flow
from ncco_server.flow.source import read_yaml
from ncco_server.flow.templates.parsing import Templates
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall

ROOT: Final = Path(__file__).parents[4]
PROJECTS: Final = sorted(
    {file.parent for root in ("flows", "examples", "tests", "docs") for file in (ROOT / root).rglob("*/flows")} | {ROOT}
)
APART: Final = frozenset({"steps", "subs", "handler", "stretches", "asks_hours"})

HEAD: Final = """flow: long
default: true
vars:
  names: {type: list, default: [ann, bob]}
defaults: {retry: {noinput: [Sorry.], then: end}, on: {error: sorry}}
start: s0
steps:
"""
MENU: Final = """  s{number}:
    do: [{{talk: "Hello {{{{ call.from }}}}. This is {number}."}}]
    choices:
      next: {{dtmf: 1, goto: s{following}}}
      name: {{dtmf: 2, goto: ask}}
"""
REST: Final = """  ask:
    do: [{talk: "Your number?"}]
    collect: {into: pin, digits: 4, sensitive: true}
    goto: s0
  sorry:
    do: [{talk: "Something went wrong, {{ names[0] }}."}]
    goto: end
"""


def long_flow(steps: int) -> dict[str, str]:
    menus = "".join(MENU.format(number=number, following=(number + 1) % steps) for number in range(steps))
    return {"flows/long.yaml": HEAD + menus + REST}


def content(flow: Flow) -> dict[str, Any]:
    return {each.name: getattr(flow, each.name) for each in fields(flow) if each.name not in APART}


def stored(texts: Mapping[str, str], name: str = "long") -> Flow:
    flow = load_stored(texts, name)
    assert flow is not None
    return flow


@each_case("folder", PROJECTS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_stored_flow_is_the_flow_that_was_stored(folder: Path) -> None:
    texts, _ = read_project(folder / "flows", folder / "templates")
    for name, checked in load(texts).flows.items():
        flow = load(checked.sources).flows[name]
        again = stored(flow.sources, name)

        assert (checked.revision, checked.sources, [*checked.steps]) == (flow.revision, flow.sources, [*flow.steps])
        assert {hook.name for hook in checked.hooks} == {hook.name for hook in flow.hooks}
        assert content(flow) == content(again)
        assert flow.asks_hours <= again.asks_hours  # its steps are not read yet
        assert flow.steps == dict(again.steps)
        assert {sub: dict(each.steps) for sub, each in flow.subs.items()} == {
            sub: dict(each.steps) for sub, each in again.subs.items()
        }


def calls_of(function: Callable[[], object]) -> int:
    """How many functions written in Python it calls."""
    count = 0

    def on_event(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_stored_flow_costs_a_seventh_of_a_checked_one() -> None:
    texts = long_flow(200)
    load(texts)  # modules are imported, patterns compiled
    checked = calls_of(lambda: load(texts))

    assert calls_of(lambda: load_stored(texts, "long")) < checked / 7


class CountedSteps(dict[str, ReadStep]):
    """Counts how often somebody reads all steps."""

    reads = 0

    def items(self) -> Any:
        self.reads += 1
        return super().items()


def read(texts: Mapping[str, str]) -> ReadFlow:
    ((path, text),) = texts.items()
    node, _ = read_yaml(path, text)
    assert node is not None
    head = read_head(node, [])
    assert head is not None
    return read_flow(head, Context(Templates({})), [])


def test_endless_cycles_are_found_without_reading_all_steps_for_each_one() -> None:
    flow = read(long_flow(50))
    steps = CountedSteps(flow.steps)
    list(check_cycles({"long": replace(flow, steps=steps)}))

    assert steps.reads <= 4


@each_case(
    "text",
    [
        HEAD + "  s0: [\n",
        HEAD.replace("start: s0", "start: s9") + REST.replace("s0", "ask"),
        HEAD.replace("type: list", "type: lost") + REST.replace("s0", "ask"),
        "flow: long\n",
    ],
    ids=["broken-yaml", "no-start", "broken-variable", "no-steps"],
)
def test_a_stored_file_that_can_no_longer_be_read_has_no_flow(text: str) -> None:
    assert load_stored({"flows/long.yaml": text}, "long") is None


def test_a_sub_flow_that_can_no_longer_be_read_has_no_flow_either() -> None:
    assert (
        load_stored({**long_flow(2), "flows/sub.yaml": "flow: sub\nstart: gone\nsteps: {a: {goto: end}}\n"}, "long")
        is None
    )


def test_an_unknown_flow_is_none() -> None:
    assert load_stored(long_flow(2), "other") is None


BROKEN: Final = {
    "an unknown option": ('This is 1."}]', 'This is 1.", colour: red}]'),
    "an unknown variable": ("This is 1.", "This is {{ one }}."),
    "a key twice": ("  s1:\n", "  s1:\n    do: []\n"),
    "a target that does not exist": ("goto: s2}", "goto: s9}"),
}


@pytest.fixture(params=list(BROKEN))
def broken(request: pytest.FixtureRequest) -> Iterator[Flow]:
    """A flow whose step s1 has an error."""
    before, after = BROKEN[request.param]
    (text,) = long_flow(3).values()
    texts = {"flows/long.yaml": text.replace(before, after)}
    assert not load(texts).flows
    yield stored(texts)


def test_a_step_that_can_no_longer_be_read_takes_the_error_exit(broken: Flow) -> None:
    call = ScriptedCall(broken)
    call.press("1")

    assert ["Something went wrong, ann."] == call.said


def test_a_call_that_waits_in_a_step_that_can_no_longer_be_read_takes_the_error_exit(broken: Flow) -> None:
    call = ScriptedCall(stored(long_flow(3)))
    call.press("1")
    call.flow = broken
    call.press("1")

    assert ["Something went wrong, ann."] == call.said


def test_steps_before_it_are_played_as_before(broken: Flow) -> None:
    call = ScriptedCall(broken)
    call.press("2")

    assert ["Your number?"] == call.said
