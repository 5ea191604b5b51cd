"""The flow's own result of a call is decided by the last entered step that was not rolled back."""

from __future__ import annotations

from ncco_server.engine.stretch import stretch_of
from ncco_server.results import HOURS as HEARD_HOURS
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

HEAD = """\
flow: test
default: true
start: START
results: {asked: the caller asked, booked: an appointment was booked, sold: something was sold}
defaults: {on: {error: sorry}}
steps:
  sorry: {do: [{talk: "Sorry."}], goto: end}
  menu:
    result: asked
    do: [{talk: "Press 1 or 2."}]
    choices: {one: {dtmf: 1, goto: plain}, two: {dtmf: 2, goto: STEP}}
    retry: {then: plain}
  plain: {do: [{talk: "Goodbye."}], goto: end}
  first: {result: asked, do: [{talk: "One moment."}], goto: second}
  second: {result: booked, do: [{talk: "Booked."}], goto: third}
  third: {do: [{talk: "Goodbye."}], goto: end}
  message: {do: [{talk: "Please speak."}, {record: {endOnKey: "#"}}], goto: thanks}
  thanks: {result: booked, do: [{talk: "Thank you."}], goto: end}
  broken: {result: sold, do: [{talk: "{{ call.custom_data.order }}"}], goto: end}
  decides: {result: sold, goto: second}
"""


def call(start: str, step: str = "plain") -> ScriptedCall:
    return ScriptedCall(load_flow(HEAD.replace("START", start).replace("STEP", step)))


@each_case(
    ("start", "own"),
    [("plain", ""), ("menu", "asked"), ("first", "booked"), ("third", ""), ("decides", "booked"), ("broken", "")],
)
def test_last_step_of_a_turn_decides(start: str, own: str) -> None:
    assert own == call(start).turn.facts.own


@each_case(("step", "own"), [("plain", ""), ("first", "booked"), ("broken", "")])
def test_each_turn_reports_what_its_own_steps_set(step: str, own: str) -> None:
    played = call("menu", step)
    played.press("2")

    assert own == played.turn.facts.own


HOURS = """\
flow: test
default: true
hours: {shop: {timezone: Europe/London, week: {mon-sun: FROM-24:00}}}
start: hello
steps:
  hello: {EXIT}
  menu: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: end}}, retry: {then: end}}
"""


TOLD = "do: [{talk: \"We are {{ 'open' if hours.shop.open else 'closed' }}.\"}], goto: menu"
ASKED = "branch: [{if: hours.shop.open, goto: menu}, {else: menu}]"


@each_case(
    ("has_heard", "step", "begins"),
    [
        (True, TOLD, "00:00"),
        (False, 'do: [{talk: "We are open."}], goto: menu', "00:00"),
        (True, ASKED, "23:00"),
        (False, ASKED, "00:00"),
    ],
)
def test_a_caller_who_is_told_the_hours_or_finds_the_line_closed_has_heard_them(
    has_heard: bool, step: str, begins: str
) -> None:
    flow = load_flow(HOURS.replace("EXIT", step).replace("FROM", begins))

    assert has_heard == bool(ScriptedCall(flow).turn.facts.heard & HEARD_HOURS)


def test_prompts_before_a_result_are_still_precomputed() -> None:
    flow = load_flow(HEAD.replace("START", "first").replace("STEP", "plain"))
    stretch = stretch_of(flow, flow.steps["first"], is_root=True)

    assert stretch is not None
    assert "booked" in [step.result for _, step in stretch.steps]
    assert stretch_of(flow, flow.steps["message"], is_root=True) is None


def test_result_begins_when_the_caller_reaches_its_step() -> None:
    played = call("message")
    before = played.turn.facts.own
    played.reach("reached")

    assert ("", "booked") == (before, played.turn.facts.own)
    assert ["Thank you."] == played.said
