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


@each_case(
    ("main", "sub"),
    [
        (step(f"    goto: {HAND_OVER}"), step(f"    goto: {HAND_OVER}")),
        (menu(one="end", then=HAND_OVER), menu(one="end", then=HAND_OVER)),
        (step(RUN_AGAIN), menu(one="end", then="{return: done}")),
        (step(RUN_AGAIN), step("    goto: {return: done}")),
        (step(RUN), step(f"    goto: {HAND_OVER}")),
        (
            step(RUN_AGAIN),
            step("    hold: {until: call.from == call.to, up_to: 5m}\n    on: {ready: {return: done}, too_long: end}"),
        ),
    ],
)
def test_an_endless_cycle_is_reported_once(main: str, sub: str) -> None:
    [(code, _)] = found(main, sub)

    assert "E216" == code


def test_flows_that_run_each_other_are_reported_even_if_they_ask_the_caller() -> None:
    asking = menu(one="b") + "  b:\n" + RUN + "\n"

    assert [("E280", "flows/main.yaml")] == found(step(RUN), asking)
