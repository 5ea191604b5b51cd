"""The data of a call that flows can read."""

from __future__ import annotations

import pytest

from ncco_server.engine import CallData
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

FLOW = """
flow: test
default: true
start: hello
steps:
  hello:
    branch:
      - if: call.is_hidden
        goto: hidden
      - else: shown
  hidden:
    do: [{talk: "Hidden."}]
    goto: end
  shown:
    do: [{talk: "You call from {{ call.from | digits }}."}]
    goto: end
"""


@each_case(
    ("caller", "said"),
    [
        ("447700900123", "You call from 4 4, 7 7 0, 0 9 0, 0 1 2 3."),
        ("+12025550123", "You call from plus 1, 2 0 2, 5 5 5, 0 1 2 3."),
        ("6823000", "You call from 6 8 2, 3 0 0 0."),
    ],
)
def test_a_caller_with_a_number_is_not_hidden(caller: str, said: str) -> None:
    played = ScriptedCall(load_flow(FLOW), call=CallData(to="442079460000", from_number=caller, uuid="u1"))

    assert [said] == played.said


@pytest.mark.parametrize(("caller", "said"), [("anonymous", "Sorry."), ("", "You call from .")])
def test_a_flow_never_reads_out_a_hidden_number(caller: str, said: str) -> None:
    asking = FLOW.replace("start: hello", "start: shown\ndefaults: {on: {error: sorry}}")
    flow = load_flow(f"{asking}  sorry:\n    do: [{{talk: Sorry.}}]\n    goto: end\n")

    assert [said] == ScriptedCall(flow, call=CallData(to="442079460000", from_number=caller, uuid="u1")).said
