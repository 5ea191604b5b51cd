"""Proofs say what they assume about Vonage, and scenarios can assume something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FLOW = """\
flow: sales
numbers: ["442079460001"]
start: dial
defaults: {retry: {then: end}}
steps:
  dial:
    do: [{talk: "One moment."}, {connect: "447700900111"}]
    on: {completed: survey, otherwise: bye}
  survey: {do: [{talk: "Were you satisfied? Press 1 for yes."}], choices: {yes: {dtmf: 1, goto: bye}}}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
SCENARIO = """\
the caller is asked after the call:
  script: [hear: One moment., dial: completed, hear: "Were you satisfied? Press 1 for yes.", press: 1, hear: Goodbye.]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"flows/sales.yaml": FLOW, "tests/scenarios/sales.yaml": SCENARIO}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def proof_of(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json_of(ncco("prove", "--format", "json", cwd=project))
    return found


def test_a_proof_warns_about_what_is_unknown_about_the_platform(project: Path) -> None:
    (warning,) = (each for each in proof_of(project)["violations"] if each["kind"] == "after_connect")
    assert warning["message"].startswith("if Vonage ends the call when")


def test_a_proof_says_that_the_limit_of_an_agent_relies_on_the_platform(project: Path) -> None:
    agent = (
        '    agent: {uri: "wss://bot.example.com/calls", limit: 10m}\n    on: {done: end, failed: bye, too_long: bye}\n'
    )
    before, _, rest = FLOW.partition("  dial:\n")
    after = rest[rest.index("  bye:") :]
    (project / "flows/sales.yaml").write_text(f"{before}  dial:\n{agent}{after}", encoding="utf-8")
    (flow,) = proof_of(project)["flows"]

    assert any("too_long" in each for each in flow["relies"])


@each_case(("after_connect", "exit_code"), [("continues", 0), ("ends", 1)])
def test_a_scenario_says_what_follows_a_connect(after_connect: str, exit_code: int, project: Path) -> None:
    file = project / "tests" / "scenarios" / "sales.yaml"
    file.write_text(SCENARIO.replace("  script", f"  after_connect: {after_connect}\n  script"), encoding="utf-8")
    done = ncco("test", cwd=project)

    assert exit_code == done.exit_code, done.output
