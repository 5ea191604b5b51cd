"""Faults around `run`, `hold` and `events`, and what these exits leave to others."""

from __future__ import annotations

import pytest

from app.flow.loader import load
from app.flow.model import Frame, Outcome
from tests.flow.loading_flows import faults_of

FLOW = """
flow: main
default: true
start: a
vars: {secret: {type: text, sensitive: true}}
locales: {en: {language: en-GB}, fr: {language: fr-FR}}
steps:
  a:
    do: [{talk: {en: "Hello.", fr: "Bonjour."}}]
EXIT
"""
SUB = """
flow: sub
outcomes: [done, failed]
returns: {count: int}
start: a
steps:
  a:
    do: [{stream: https://example.com/a.mp3}]
    goto: GOTO
"""


def faults(exit_: str, goto: str = "{return: done}", *, alone: bool = False) -> list[str]:
    texts = {"flows/main.yaml": FLOW.replace("EXIT", f"    {exit_}")}
    if not alone:
        texts["flows/sub.yaml"] = SUB.replace("GOTO", goto)
    return [f"{issue.code} {issue.message}" for issue in load(texts).issues if issue.code != "W213"]


@pytest.mark.parametrize(
    ("exit_", "expected"),
    [
        ("run: sub\n    on: [done]", "E201 `on` is a list"),
        ("run: [sub]\n    on: {done: end}", "E201 `run` is a list"),
        (
            "run: sub\n    on: {done: end, failed: end, otherwise: end}",
            "W267 `otherwise` catches nothing: every outcome of sub has its own line",
        ),
        ("run: sbu\n    on: {done: end}", 'E272 there is no flow "sbu"'),
        ("goto: {run: a}", 'E272 there is no flow "a"'),
        ("hold: {until: call.from == call.to, up_to: 5m}\n    on: yes", "E201 `on` is a text"),
        ("goto: end\n    events: [record]", "E201 `events` is a list"),
        ('set: {locale: "{{ secret }}"}\n    goto: end', 'E226 "locale" would keep the sensitive "secret" in the open'),
    ],
)
def test_a_fault_around_another_flow_is_reported_once(exit_: str, expected: str) -> None:
    assert [expected] == [fault for fault in faults(exit_) if not fault.startswith("W63")]


def test_a_returned_value_that_cannot_be_read_is_reported_once() -> None:
    exit_ = "run: sub\n    on: {done: end, otherwise: end}"

    assert ["E201 `count` is a list"] == faults(exit_, "{return: done, set: {count: [1]}}")


@pytest.mark.parametrize(
    "exit_",
    [
        "run: sub\n    on: {otherwise: end}",
        "hold: {until: call.from == call.to, up_to: 5m}\n    on: {ready: end, too_long: end}",
    ],
)
def test_neither_asks_the_caller_nor_decides_on_what_it_does_not_know(exit_: str) -> None:
    texts = {"flows/main.yaml": FLOW.replace("EXIT", f"    {exit_}"), "flows/sub.yaml": SUB.replace("GOTO", "end")}
    found = load(texts).flows["main"].steps["a"].exit

    assert found.asked is None
    assert "otherwise" in exit_ or found.decide(Outcome("heard"), Frame({}), 0) is None


def test_a_flow_that_is_not_there_is_told_of_where_no_flow_has_a_name() -> None:
    nameless = FLOW.replace("flow: main\n", "").replace("EXIT", "    goto: {run: sub}")
    issues = load({"flows/main.yaml": nameless}).issues

    assert ["E204", "E272"] == [issue.code for issue in issues]


def test_nothing_that_leads_off_may_stand_in_a_held_step() -> None:
    hold = "hold: {until: 'call.to == \"1\"', up_to: 1m}\n  on: {ready: end, too_long: end}"
    connect = f'hello:\n  do:\n    - talk: "Please wait."\n    - connect: "447700900111"\n  {hold}'
    record = f'hello:\n  do:\n    - talk: "Please wait."\n    - record: {{endOnSilence: 4}}\n  {hold}'

    assert "E279 `connect` cannot stand in a step that holds the caller → move it" in faults_of(connect)
    assert "E279 `record` cannot stand in a step that holds the caller → move it" in faults_of(record)


def test_with_belongs_to_run() -> None:
    step = 'hello:\n  do: [{talk: "Hello."}]\n  with: {team: sales}\n  goto: end'

    expected = "E219 `with` has no effect in a step that runs no flow → delete it, or add `run: flow`"
    assert [expected] == faults_of(step)
