"""Where a flow goes next, in each spelling, with every fault of it."""

from __future__ import annotations

import pytest

from app.flow.loader import load
from tests.flow.loading_flows import flow_of

SUB = """
flow: sub
params: {team: text, tries: {type: int, default: 3}, pin: {type: text, default: "", sensitive: true}}
outcomes: [done, failed]
returns: {account: text, secret: {type: text, sensitive: true}}
start: ask
vars: {hidden: {type: text, sensitive: true}}
steps:
  ask:
    do: [{talk: "{{ team }}, press 1."}]
    choices: {one: {dtmf: 1, goto: LEADS}}
    retry: {then: {return: failed}}
"""
MAIN = """
flow: main
default: true
start: hello
vars: {account: {type: text}, code: {type: text, sensitive: true}}
steps:
  hello:
    do: [{talk: "Hello."}]
    goto: LEADS
  bye:
    run: sub
    with: {team: a}
    on: {done: end, otherwise: end}
"""


def faults(main: str = "bye", sub: str = "{return: done}") -> list[str]:
    """What is wrong when one target of each flow is this."""
    texts = {"flows/main.yaml": MAIN.replace("LEADS", main), "flows/sub.yaml": SUB.replace("LEADS", sub)}
    return [f"{issue.code} {issue.message}" for issue in load(texts).issues if issue.code != "W215"]


@pytest.mark.parametrize(
    "target",
    [
        "bye",
        "end",
        "return",
        "{goto: bye}",
        '{goto: bye, set: {account: "{{ call.from }}"}}',
        "{goto: end, set: {account: none}}",
        "{run: sub, with: {team: sales}}",
        '{run: sub, with: {team: "{{ account }}", tries: 2, pin: "{{ code }}"}}',
    ],
)
def test_a_target_may_be_written(target: str) -> None:
    assert [] == faults(main=target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("by", 'E214 unknown step "by"'),
        ("sub", 'E214 unknown step "sub"'),
        ("hangup", 'E214 unknown step "hangup"'),
        ("[bye]", "E201 `goto` is a list"),
        ("{step: bye}", "E201 `goto` is a map"),
        ("{goto: [bye]}", "E201 `goto` is a list"),
        ("{goto: bye, sets: {account: a}}", 'E202 `goto` with `goto` has no "sets"'),
        ("{goto: bye, set: {acount: a}}", 'E225 the variable "acount" is not declared'),
        ("{run: subb, with: {team: a}}", 'E272 there is no flow "subb"'),
        ("{run: bye, with: {team: a}}", 'E272 there is no flow "bye"'),
        ("{run: [sub]}", "E201 `run` is a list"),
        ("{run: sub, with: team}", 'E201 `with` of the flow "sub" is a text'),
        ("{run: sub}", 'E271 the flow "sub" needs "team"'),
        ("{run: sub, with: {tries: 2}}", 'E271 the flow "sub" needs "team"'),
        ("{run: sub, with: {team: a, tries: many}}", 'E313 `tries` cannot be "many"'),
        ("{run: sub, with: {team: a, colour: red}}", 'E270 the flow "sub" takes no "colour"'),
        ('{run: sub, with: {team: "{{ code }}"}}', 'E226 "team" would keep the sensitive "code" in the open'),
        ("{run: sub, with: {team: a}, on: {done: end}}", 'E202 `goto` with `run` has no "on"'),
        ("{return: done}", 'E273 this flow has no outcome "done"'),
    ],
)
def test_a_fault_in_a_target_is_reported_once(target: str, expected: str) -> None:
    assert [expected] == faults(main=target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("return", "E273 this flow declares outcomes, and `return` names none of them"),
        ("{return: dome}", 'E273 this flow has no outcome "dome"'),
        ("{return: [done]}", "E201 `return` is a list"),
        ("{return: done, set: {acount: a}}", 'E274 this flow gives back no "acount"'),
        ("{return: done, set: account}", "E201 `set` of a return is a text"),
        (
            '{return: done, set: {account: "{{ hidden }}"}}',
            'E226 "account" would keep the sensitive "hidden" in the open',
        ),
    ],
)
def test_a_fault_in_a_return_is_reported_once(target: str, expected: str) -> None:
    assert [expected] == faults(sub=target)


@pytest.mark.parametrize(
    ("target", "cure"),
    [
        ("done", "to come back with the outcome of this name write `{return: done}`"),
        ("return done", "write `{return: done}`"),
        ('"run: main"', "write `{run: main}`"),
        ("goto ask", "write ask"),
        ("finish", 'to end the call write "end"'),
    ],
)
def test_a_form_that_is_written_as_a_word_is_told_how_it_is_written(target: str, cure: str) -> None:
    texts = {"flows/main.yaml": MAIN.replace("LEADS", "bye"), "flows/sub.yaml": SUB.replace("LEADS", target)}

    assert [("E214", cure)] == [(issue.code, issue.cure) for issue in load(texts).issues if issue.is_error]


def test_a_sensitive_value_may_be_given_back_as_one() -> None:
    assert [] == faults(sub='{return: done, set: {secret: "{{ hidden }}", account: "A-1"}}')


def test_a_value_that_a_flow_does_not_declare_is_not_given_back() -> None:
    sub = SUB.replace("returns: {account: text, secret: {type: text, sensitive: true}}\n", "")
    texts = {"flows/main.yaml": MAIN.replace("LEADS", "bye"), "flows/sub.yaml": sub}
    texts["flows/sub.yaml"] = texts["flows/sub.yaml"].replace("LEADS", "{return: done, set: {account: a}}")
    [issue] = load(texts).issues

    assert ("E274", "add `returns: {account: text}` to the flow") == (issue.code, issue.cure)


def test_of_a_flow_with_faults_at_its_head_nothing_is_taken_to_be_missing() -> None:
    broken = SUB.replace("LEADS", "{return: done}").replace("outcomes: [done, failed]", "outcomes: {done: 1}")
    texts = {"flows/main.yaml": MAIN.replace("LEADS", "{run: sub}"), "flows/sub.yaml": broken}

    assert ["E201"] == [issue.code for issue in load(texts).issues if issue.is_error]


def test_of_a_flow_that_yaml_cannot_read_nothing_is_taken_to_be_missing() -> None:
    texts = {"flows/main.yaml": MAIN.replace("LEADS", "{run: sub}"), "flows/sub.yaml": "flow: sub\nsteps: [\n"}

    assert {"flows/sub.yaml"} == {issue.place.file for issue in load(texts).issues if issue.is_error}


def test_a_target_shows_itself() -> None:
    steps = 'hello: {do: [{talk: "Hi."}], goto: {goto: bye, set: {a: b}}}\nbye: {goto: end}'
    [edge] = flow_of(steps, "vars: {a: {type: text}}\n").steps["hello"].exit.edges()

    assert ("bye", False, False) == (edge.target.shown, edge.target.is_end, edge.target.is_plain)
