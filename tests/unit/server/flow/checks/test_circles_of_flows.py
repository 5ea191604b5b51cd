"""Cycles through several flows: which ones are reported."""

from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case

MENU = """
flow: NAME
default: DEFAULT
outcomes: [done]
start: a
steps:
  a:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: ONE}}
    retry: {then: THEN}
"""
STEP = """
flow: NAME
default: DEFAULT
outcomes: [done]
start: a
steps:
  a:
    do: [{talk: "Hello."}]
EXIT
"""
HAND_OVER = "{run: OTHER}"
RUN = "    run: OTHER\n    on: {done: end}"
RUN_AGAIN = "    run: OTHER\n    on: {done: a}"


def menu(one: str = "end", then: str = "end") -> str:
    return MENU.replace("ONE", one).replace("THEN", then)


def step(exit_: str) -> str:
    return STEP.replace("EXIT", exit_)


def found(main: str, sub: str) -> list[tuple[str, str]]:
    """Code and file of each issue of two flows; OTHER is replaced by the other flow's name."""
    texts = {
        "flows/main.yaml": main.replace("NAME", "main").replace("OTHER", "sub").replace("DEFAULT", "true"),
        "flows/sub.yaml": sub.replace("NAME", "sub").replace("OTHER", "main").replace("DEFAULT", "false"),
    }
    return [(issue.code, issue.place.file) for issue in load(texts).issues if issue.code in {"E216", "E280"}]


@each_case(
    ("main", "sub"),
    [
        (menu(one=HAND_OVER), menu(one=HAND_OVER)),
        (step(RUN), menu(one="{return: done}", then="{return: done}")),
        (step(RUN), menu(one=HAND_OVER)),
        (step(RUN_AGAIN), menu(one="{return: done}")),
        (step(f"    goto: {HAND_OVER}"), menu(one=HAND_OVER)),
        (step(RUN), step(f"    goto: end\n    on: {{error: {HAND_OVER}}}")),
        (
            step(RUN_AGAIN),
            step("    hold: {until: call.from == call.to, up_to: 5m}\n    on: {ready: end, too_long: {return: done}}"),
        ),
    ],
)
def test_a_cycle_with_caller_input_or_a_pause_is_valid(main: str, sub: str) -> None:
    assert [] == found(main, sub)
