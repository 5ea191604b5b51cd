"""The outcomes of each arrow in a picture."""

from __future__ import annotations

from ncco_server.flow.loader import load
from ncco_studio.pictures.graph import draw
from ncco_studio.verify.outcomes import outcomes_of

MAIN = """\
flow: main
default: true
start: dial
steps:
  dial:
    do: [{connect: "447700900333", advancedMachineDetection: {behavior: continue, mode: default}}]
    on: {completed: end, busy: sorry, timeout: sorry, unanswered: sorry, rejected: sorry, failed: sorry, machine: sorry}
  sorry: {do: [{talk: "Sorry."}], goto: rate}
  rate:
    run: child
    on: {done: end, denied: {run: who}}
"""
CHILD = """\
flow: child
outcomes: [done, denied]
start: menu
steps:
  menu:
    do: [{talk: "Press 1, or 2."}]
    choices: {yes: {dtmf: 1, goto: {return: done}}, no: {dtmf: 2, speech: never, goto: {return: denied}}}
    retry: {tries: 1, then: {noinput: ask, nomatch: end}}
  ask:
    do: [{talk: "Enter four digits."}]
    collect: {into: pin, digits: 4}
    goto: end
    retry: {tries: 2, then: end}
"""
WHO = """\
flow: who
start: who
lookups:
  place: {get: "https://example.com/place", returns: {free: bool}, default: {free: false}}
steps:
  who:
    branch:
      - {if: call.from == "447700900123", goto: hold}
      - {if: call.from == "447700900123", goto: hold}
      - else: bye
  hold:
    lookup: place
    do: [{talk: "Please wait."}]
    hold: {until: place.free, up_to: 10m}
    on: {ready: bye, too_long: bye}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
FLOWS = load({"flows/main.yaml": MAIN, "flows/child.yaml": CHILD, "flows/who.yaml": WHO}, {}).flows


def along(flow: str) -> list[tuple[str, ...]]:
    """The outcomes of each arrow in a flow, starting at a step."""
    found = [arrow.outcomes for arrow in draw([FLOWS[flow]]).arrows]
    return [tuple(name for _, _, name in each) for each in found if each[0][0] == flow and each[0][1]]


def test_an_arrow_has_every_outcome_of_its_lines_however_long_its_label_is() -> None:
    assert ("busy", "timeout", "unanswered", "rejected", "failed", "machine") in along("main")


def test_a_line_that_hands_over_the_call_is_an_outcome() -> None:
    assert [("at once",), ("at once",), ("done",), ("denied",)] == along("main")[-4:]


def test_each_line_of_a_branch_has_its_own_outcome() -> None:
    condition = 'if call.from == "447700900123"'

    assert [(condition,), (condition,), ("else",)] == along("who")[:3]


def test_an_arrow_shared_by_two_outcomes_has_both() -> None:
    assert ("ready", "too_long") in along("who")
    assert ("noinput, last try", "nomatch, last try") in along("child")


def test_every_outcome_with_a_target_is_on_an_arrow() -> None:
    for flow in FLOWS.values():
        drawn = {key for arrow in draw([flow], errors=True).arrows for key in arrow.outcomes}
        missing = [each.name for each in outcomes_of(flow) if each[:3] not in drawn]

        assert [] == [name for name in missing if not name.startswith(("place ", "noinput, try", "nomatch, try"))]
