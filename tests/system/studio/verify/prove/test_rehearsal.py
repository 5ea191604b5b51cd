"""The scenarios from a proof are played before they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ncco_server.flow.loader import load
from ncco_studio.verify.prove.proof import prove
from ncco_studio.verify.prove.rehearsal import confirmed, rehearse
from ncco_studio.verify.scenarios.files import WrittenScenario

FLOW = """
flow: main
default: true
start: menu
defaults: {talk: {language: en-GB}}
steps:
  menu: {do: [{talk: "Press one."}], choices: {one: {dtmf: 1, goto: bye}}, retry: {then: bye}}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
PROJECT = load({"flows/main.yaml": FLOW})


def test_prompts_are_written_as_heard() -> None:
    script = [{"hear": "Press two."}, {"press": "1"}, {"hear": "Welcome."}]
    written = WrittenScenario("a call", {"to": "442079460000", "script": script})
    (rehearsed,) = rehearse(PROJECT, [written])

    assert "" == rehearsed.problem
    assert [{"hear": "Press one."}, {"press": "1"}, {"hear": "Goodbye."}] == rehearsed.written.body["script"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"script": [{"hear": "Press one."}, {"dial": "busy"}]}, "no phone is ringing now"),
        ({"script": [{"press": "1"}, {"press": "2"}]}, "the call is over"),
        ({"script": [{"press": "1"}, {"speak": "two"}]}, "the call is over"),
        ({"script": [{"press": "1"}], "expect": {"without": "dead_end"}}, "dead_end does not happen"),
        ({"script": [{"dial": "busy"}], "expect": {"without": "dead_end"}}, "no phone is ringing now"),
        ({"script": [], "given": {"nobody": {"value": 1}}}, 'no flow has a lookup or function "nobody"'),
    ],
    ids=[
        "goes another way",
        "keys after its end",
        "speech after its end",
        "a fault does not happen",
        "a fault with another difference",
        "cannot be made",
    ],
)
def test_a_call_that_is_not_as_predicted_is_reported(body: dict[str, Any], problem: str) -> None:
    (rehearsed,) = rehearse(PROJECT, [WrittenScenario("a call", {"flow": "main", **body})])

    assert problem == rehearsed.problem


def test_a_fault_that_does_not_happen_keeps_its_call() -> None:
    flow = f"""{FLOW.partition("  menu")[0]}
  menu: {{do: [{{talk: "Welcome."}}, {{conversation: room}}, {{checkpoint: left}}], on: {{left: silent}}}}
  silent: {{goto: end}}
"""
    project = load({"flows/main.yaml": flow})

    verdict = confirmed(project, prove(project.flows["main"], datetime(2026, 3, 2, 12, tzinfo=UTC)))

    assert "stopped" == verdict.status
    assert "the simulator does not reproduce" in verdict.stopped
