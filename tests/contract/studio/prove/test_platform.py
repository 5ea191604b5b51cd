"""The observed behaviour of Vonage (NCCO_PLATFORM) decides in proofs, scenarios and simulated calls."""

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


def seen(project: Path, text: str) -> dict[str, str]:
    """The environment with this file of settings."""
    (project / "platform.yaml").write_text(text, encoding="utf-8")
    return {"NCCO_PLATFORM": "platform.yaml"}


@each_case(
    ("text", "begins"),
    [
        ("", ["if Vonage ends the call when"]),
        ("after_connect: continues\n", []),
        ("after_connect: ends\n", ["as Vonage ends the call when"]),
    ],
)
def test_a_proof_warns_about_what_is_unknown_about_the_platform(text: str, begins: list[str], project: Path) -> None:
    found: dict[str, Any] = json_of(ncco("prove", "--format", "json", cwd=project, env=seen(project, text)))
    messages = [each["message"] for each in found["violations"] if each["kind"] == "after_connect"]
    assert begins == [message[: len(begin)] for message, begin in zip(messages, begins, strict=True)]


@each_case(("text", "relies"), [("", True), ("after_connect: continues\n", False), ("after_connect: ends\n", True)])
def test_a_proof_says_that_the_limit_of_an_agent_relies_on_the_platform(text: str, relies: bool, project: Path) -> None:
    agent = (
        '    agent: {uri: "wss://bot.example.com/calls", limit: 10m}\n    on: {done: end, failed: bye, too_long: bye}\n'
    )
    before, _, rest = FLOW.partition("  dial:\n")
    after = rest[rest.index("  bye:") :]
    (project / "flows/sales.yaml").write_text(f"{before}  dial:\n{agent}{after}", encoding="utf-8")
    (flow,) = json_of(ncco("prove", "--format", "json", cwd=project, env=seen(project, text)))["flows"]

    assert relies is any("too_long" in each for each in flow["relies"])


def test_a_scenario_plays_on_the_observed_platform(project: Path) -> None:
    assert 0 == ncco("test", cwd=project, env=seen(project, "after_connect: continues\n")).exit_code
    done = ncco("test", cwd=project, env=seen(project, "after_connect: ends\n"))
    assert 1 == done.exit_code, done.output


def test_a_scenario_can_override_the_file(project: Path) -> None:
    file = project / "tests" / "scenarios" / "sales.yaml"
    file.write_text(SCENARIO.replace("  script", "  after_connect: continues\n  script"), encoding="utf-8")
    assert 0 == ncco("test", cwd=project, env=seen(project, "after_connect: ends\n")).exit_code


def test_a_file_with_a_mistake_stops_every_command_that_plays_calls(project: Path) -> None:
    for command in (("prove",), ("test",), ("simulate", "sales"), ("vonage",)):
        done = ncco(*command, cwd=project, env=seen(project, "after_connect: end\n"))
        assert (2, True) == (done.exit_code, 'did you mean "ends"' in done.output), done.output
