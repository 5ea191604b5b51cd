"""Cycles in which the caller is asked, time passes or something counts are valid; so are steps that these lead to."""

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
HOLD = "    hold: {until: call.from == call.to, up_to: 5m}\n    on: {ready: end, too_long: {return: done}}"


def menu(one: str = "end", then: str = "end") -> str:
    return MENU.replace("ONE", one).replace("THEN", then)


def step(exit_: str) -> str:
    return STEP.replace("EXIT", exit_)


def codes(**flows: str) -> list[str]:
    """The code of every issue about cycles and steps that nobody reaches."""
    issues = load({f"flows/{name}.yaml": text for name, text in flows.items()}).issues
    return [issue.code for issue in issues if issue.is_error or issue.code in ("W215", "W217")]


@each_case(
    ("main", "sub"),
    [
        (menu(one=HAND_OVER), menu(one=HAND_OVER)),
        (step(RUN), menu(one="{return: done}", then="{return: done}")),
        (step(RUN), menu(one=HAND_OVER)),
        (step(RUN_AGAIN), menu(one="{return: done}")),
        (step(f"    goto: {HAND_OVER}"), menu(one=HAND_OVER)),
        (step(RUN), step(f"    goto: end\n    on: {{error: {HAND_OVER}}}")),
        (step(RUN_AGAIN), step(HOLD)),
    ],
)
def test_a_cycle_of_flows_with_caller_input_or_a_pause_is_valid(main: str, sub: str) -> None:
    main = main.replace("NAME", "main").replace("OTHER", "sub").replace("DEFAULT", "true")
    sub = sub.replace("NAME", "sub").replace("OTHER", "main").replace("DEFAULT", "false")
    assert not {"E216", "E280"} & set(codes(main=main, sub=sub))


QUEUE = """
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
  next: NEXT
"""
DIALS = '{do: [{connect: "447700900111"}], on: {completed: end, otherwise: OTHERWISE}}'


@each_case(
    ("next_", "late"),
    [
        (DIALS.replace("OTHERWISE", "wait"), "end"),
        ('{do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: wait}}, retry: {then: end}}', "end"),
        ("{run: sub, on: {done: wait}}", "end"),
        ("{goto: end}\n  again: {goto: wait}", "again"),
    ],
)
def test_a_hold_may_be_repeated_after_a_webhook(next_: str, late: str) -> None:
    sub = f"flow: sub\noutcomes: [done]\nstart: a\nsteps:\n  a: {DIALS.replace('OTHERWISE', '{return: done}')}\n"
    assert [] == codes(main=QUEUE.replace("NEXT", next_).replace("LATE", late), sub=sub)


ROUND = """
flow: main
default: true
start: ask
vars: {{n: {{type: int}}, m: {{type: int}}, word: {{type: text}}}}
steps:
  ask:
    do: [{{connect: "447700900111"}}]
    on: {{completed: end, otherwise: {otherwise}}}
  count:
    set: {{{sets}}}
    branch: [{{if: '{test}', goto: {out}}}, {{else: ask}}]
  bye:
    do: [{{talk: "Nobody is there. Goodbye."}}]
    goto: end
"""


def around(sets: str, test: str, out: str = "bye", otherwise: str = "count") -> list[str]:
    return codes(main=ROUND.format(sets=sets, test=test, out=out, otherwise=otherwise))


@each_case(
    ("sets", "test"),
    [
        ('n: "{{ n + 1 }}"', "n >= 3"),
        ('n: "{{ n + 2 }}"', "3 < n"),
        ('n: "{{ n - 1 }}"', "n < -3"),
        ('n: "{{ n + 1 }}"', 'n == 3 or word == "x"'),
        ('n: "{{ n + 1 }}", m: 0', "n > 3"),
        ('n: "{{ 1 + n }}"', "n > 3"),
        ('n: "{{ n + 1 }}"', "n != 3"),
        ('n: "{{ n + 1 }}"', "n in [3, 4]"),
    ],
)
def test_a_counter_tested_by_a_branch_ends_the_cycle(sets: str, test: str) -> None:
    assert [] == around(sets, test)


@each_case(
    ("sets", "test"),
    [
        ('n: "{{ n + 1 }}"', "m > 3"),
        ('n: "{{ n + m }}"', "n > 3"),
        ('n: "{{ 1 + n }}"', "m > 3"),
        ("n: 1", "n > 3"),
    ],
)
def test_a_variable_that_does_not_count_up_to_an_exit_does_not_end_the_cycle(sets: str, test: str) -> None:
    assert ["E216"] == around(sets, test)


def test_a_counter_reset_within_the_cycle_does_not_end_it() -> None:
    assert ["E216"] == around('n: "{{ n + 1 }}"', "n >= 3", otherwise="{set: {n: 0}, goto: count}")


def said(name: str, exit_: str) -> str:
    return f'  {name}: {{do: [{{talk: "Press 1."}}], {exit_}}}\n'


def asked(name: str, one: str) -> str:
    return said(name, f"choices: {{one: {{dtmf: 1, goto: {one}}}}}, retry: {{then: end}}")


@each_case(
    ("steps", "found"),
    [
        (said("a", "goto: end") + said("b", "goto: c") + said("c", "goto: d") + said("d", "goto: end"), ["W215"]),
        (said("a", "goto: end") + asked("b", "c") + asked("c", "b"), ["W215"]),
        (said("a", "goto: end") + asked("b", "b"), ["W215"]),
        (asked("a", "b") + said("b", "goto: a"), []),
        (said("a", "goto: suport") + said("support", "goto: end"), ["E214"]),
        (said("a", "") + said("b", "goto: end"), ["W217"]),
    ],
    ids=["a chain", "a cycle", "itself", "a choice", "a misspelt target", "an exit is missing"],
)
def test_only_the_first_of_unreachable_steps_is_reported(steps: str, found: list[str]) -> None:
    assert found == codes(main=f"flow: main\ndefault: true\nstart: a\nsteps:\n{steps}")
