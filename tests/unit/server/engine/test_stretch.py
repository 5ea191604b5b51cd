"""Every turn is the same with and without stretches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from ncco_server.engine import CallData, Session, Turn, TurnContext, begin, resume
from ncco_server.engine.interpreter import Playing, Result
from ncco_server.engine.session import LookupAnswer, OpenWait, from_json, to_json
from ncco_server.engine.stretch import MOST_MADE, STEP_LIMIT, stretch_of
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Flow
from ncco_server.ncco import check
from ncco_server.ncco.webhooks import Webhook, recognise
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import HandledCall, handler
from tests.unit.server.engine.scripted_call import FAILSAFE, LEG, NOON, link, load_flow, mask

ROOT: Final = Path(__file__).parents[4]
BENCHMARKS: Final = ROOT / "benchmarks"
FOLDERS: Final = (
    ROOT / "flows",
    BENCHMARKS / "flows",
    BENCHMARKS / "handlers",
    BENCHMARKS / "typical",
    *sorted(ROOT.glob("examples/*/flows")),
)
HOSTILE: Final = (
    "447700900123",
    "anonymous",
    "",
    "<break/>",
    "<speak>x</speak>",
    "{{ call.to }}",
    "9" * 1600,
    "\u2028\x07",
    "a & b",
    " ",
)
WEBHOOKS: Final[Mapping[str, tuple[Mapping[str, object], ...]]] = {
    "input": (
        {"dtmf": {"digits": "1"}},
        {"dtmf": {"digits": "2"}},
        {"dtmf": {"digits": "4711#"}},
        {"dtmf": {"digits": ""}, "speech": {"timeout_reason": "start_timeout"}},
        {"speech": {"results": [{"text": "<b>sales & support</b>", "confidence": "0.9"}]}},
        {"speech": {"error": "ERR1: Failed to analyze audio"}},
    ),
    "event": ({"status": "completed"}, {"status": "busy"}),
    "notify": ({"payload": {}},),
    "onanswer": (),
}
DEPTHS: Final = {HOSTILE[0]: 3, HOSTILE[1]: 2}
"""How many webhooks follow one another, by caller."""


class NoStretches(dict[Any, tuple[None]]):
    """A cache in which every step has no stretch, so that the interpreter plays it."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: object) -> tuple[None]:
        return (None,)


def interpreted(flow: Flow) -> Flow:
    """The same flow, played entirely by the interpreter."""
    subs = {name: replace(sub, stretches=NoStretches()) for name, sub in flow.subs.items()}
    return replace(flow, stretches=NoStretches(), subs=subs)


FLOWS: Final = [
    (folder, file.stem)
    for folder in FOLDERS
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.py")])
    if file.name != "shared.yaml"
]


@cache
def flows_of(folder: Path) -> Mapping[str, Flow]:
    handlers = [file.name for file in folder.glob("*.py")]
    return load_files(folder, folder.parent / "templates", {}, handlers=handlers).flows


def flows() -> Iterator[Any]:
    for folder, name in FLOWS:
        yield pytest.param(flows_of(folder)[name], id=f"{folder.parent.name}-{name}")


def test_every_flow_in_the_folders_is_played() -> None:
    loaded = {(folder, name) for folder in FOLDERS for name in flows_of(folder)}

    assert loaded == set(FLOWS)


def driven(playing: Playing[Result]) -> Result:
    """What the interpreter returns when every lookup fails."""
    try:
        wanted = next(playing)
        while True:
            wanted = playing.send(tuple(LookupAnswer(None, "no answer") for _ in wanted))
    except StopIteration as done:
        result: Result = done.value
        return result


def comparable(turn: Turn) -> Turn:
    """With what the log says of the exceptions, which equal only themselves."""
    return turn._replace(errors=tuple(map(repr, turn.errors)))  # type: ignore[arg-type]  # to compare


def both(flow: Flow, turn_of: Any) -> Turn | None:
    """A turn with stretches, after checking that it is the same without them."""
    played, stepwise = driven(turn_of(flow)), driven(turn_of(interpreted(flow)))
    if played is None or stepwise is None:
        assert stepwise is played
        return None
    assert comparable(stepwise) == comparable(played)._replace(trace_json=b"")
    assert played.trace_json in (b"", orjson.dumps(played.trace))
    assert to_json(stepwise.session) == to_json(played.session)
    assert not [issue for issue in check(played.ncco) if issue.severity == "error"] or not played.ncco
    again: Turn = driven(turn_of(flow))
    assert comparable(played) == comparable(again), "the second time, when the stretch is known to be valid"
    return again


def context(**around: Any) -> TurnContext:
    return TurnContext(NOON, link, mask, **{"failsafe": FAILSAFE, **around})


def answered(flow: Flow, caller: str, **around: Any) -> Turn:
    call = CallData("442079460001", caller, "", LEG, "CON-1")
    turn = both(flow, lambda played: begin(played, LEG, call, context(**around)))
    assert turn is not None
    return turn


def follow(flow: Flow, turn: Turn, depth: int, **around: Any) -> None:
    """Send every webhook to every wait of a turn and of the turns that follow."""
    session = from_json(to_json(turn.session))
    for wait in session.waits if depth else ():
        for fields in WEBHOOKS[wait.kind]:
            after = heard(flow, session, wait, recognise(fields), **around)
            if after is not None:
                follow(flow, after, depth - 1, **around)


def heard(flow: Flow, session: Session, wait: OpenWait, webhook: Webhook, **around: Any) -> Turn | None:
    return both(flow, lambda played: resume(played, session, wait, webhook, context(**around)))


@each_case("flow", flows)
def test_turns_are_the_same_as_those_of_the_interpreter(flow: Flow) -> None:
    for caller in HOSTILE:
        follow(flow, answered(flow, caller), DEPTHS.get(caller, 0))


@each_case("flow", flows)
def test_a_call_that_may_not_dial_is_played_by_the_interpreter(flow: Flow) -> None:
    follow(flow, answered(flow, "447700900123", dial_limit=0), 1, dial_limit=0)


@each_case("flow", flows)
def test_a_call_can_begin_in_every_step(flow: Flow) -> None:
    for name in flow.steps:
        for caller in HOSTILE[:2]:
            answered(replace(flow, start=name), caller)


PLAIN: Final = """
flow: plain
default: true
start: welcome
defaults:
  retry: {noinput: ["Sorry {{ call.from }}."], nomatch: ["No."], then: end}
  on: {error: sorry}
steps:
  welcome: {do: [{talk: "Hello {{ call.from }}."}], goto: menu}
  menu: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: end}}}
  sorry: {do: [{talk: "Sorry."}, {connect: "447700900333"}], goto: end}
"""


def test_a_text_that_cannot_be_spoken_is_left_to_the_interpreter() -> None:
    flow = load_flow(PLAIN)
    both(flow, lambda played: begin(played, LEG, CallData("442079460001", "447700900123"), context()))
    stretch = stretch_of(flow, flow.steps["welcome"], is_root=True)
    assert stretch is not None
    names = {"call": {"from": "9" * 1600, "to": "442079460001", "direction": "inbound"}, "locale": ""}

    assert stretch.is_checked
    assert stretch.play(names, context(), LEG, 1, 0) is None


@pytest.mark.parametrize("steps", [STEP_LIMIT, STEP_LIMIT + 1])
def test_steps_of_a_stretch_count_for_the_limit_of_a_turn(steps: int) -> None:
    chain = "".join(f"  s{number}: {{goto: s{number + 1}}}\n" for number in range(steps - 1))
    flow = load_flow(
        f"flow: long\nentry: true\nstart: s0\nsteps:\n{chain}  s{steps - 1}: {{do: [talk: Hi.], goto: end}}\n"
    )
    assert (steps > STEP_LIMIT) == answered(flow, HOSTILE[0]).is_failsafe


def test_a_handler_whose_menus_are_computed_keeps_a_bounded_number_of_stretches() -> None:
    flow = handler('await call.choose("Which?", {call.from_: Choice(int(call.from_[-1])), "other": Choice("*")})')

    flow.stretches.update(dict.fromkeys(range(MOST_MADE - 5), (None,)))

    for number in range(20):
        call = HandledCall(flow, call=CallData("442079460000", f"4477009{number:05}", uuid=LEG))

        assert ["Which?"] == call.said
        assert len(flow.stretches) <= MOST_MADE
