"""Cycles through a `hold` that ends as soon as it starts, so no time passes."""

from __future__ import annotations

import pytest

from ncco_server.flow.loader import load

FLOW = """
flow: main
default: true
start: wait
lookups:
  place: {get: "https://q.example.com/place", returns: {free: bool}, default: {free: false}}
steps:
  wait:
    lookup: place
    do: [{talk: "Wait."}]
    hold: {until: place.free, up_to: 5m}
    on: {ready: next, too_long: LATE}
  next:
NEXT
"""
SUB = """
flow: sub
outcomes: [done]
start: a
steps:
  a:
SUB
"""
DIALS = '    do: [{connect: "447700900111"}]\n    on: {completed: end, otherwise: wait}'
ASKS = '    do: [{talk: "Press 1."}]\n    choices: {one: {dtmf: 1, goto: wait}}\n    retry: {then: end}'
RUNS = "    run: sub\n    on: {done: wait}"
RETURNS = "    goto: {return: done}"


def messages(next_: str, sub: str = RETURNS, late: str = "end") -> list[str]:
    texts = {"flows/main.yaml": FLOW.replace("NEXT", next_).replace("LATE", late)}
    if "run:" in next_:
        texts["flows/sub.yaml"] = SUB.replace("SUB", sub)
    return [f"{issue.code} {issue.message}" for issue in load(texts).issues]


def test_a_hold_that_leads_back_to_itself_through_another_flow_is_an_error() -> None:
    assert [
        "E216 a call can loop forever without valid input from the caller: main.next → main.wait → main.next"
        " (main.next: done, main.wait: ready)"
    ] == messages(RUNS)


@pytest.mark.parametrize("next_", [DIALS, ASKS])
def test_a_hold_that_leads_back_to_itself_after_a_webhook_is_valid(next_: str) -> None:
    assert [] == messages(next_)


def test_a_hold_that_leads_back_to_itself_after_a_dial_of_another_flow_is_valid() -> None:
    dials = '    do: [{connect: "447700900111"}]\n    on: {completed: end, otherwise: {return: done}}'

    assert [] == messages(RUNS, dials)


def test_a_hold_that_times_out_may_start_again() -> None:
    assert [] == messages("    goto: end\n  again:\n    goto: wait", late="again")
