"""What `ncco test` says about the lines of handlers that no scenario runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import ncco

SETTINGS = {"NCCO_PYTHON_FLOWS": "desk.py"}
HANDLER = '''\
from ncco_server import Call, Choice, RunFailed, call_flow


def look_up(number: str) -> bool:
    return bool(number)


@call_flow(numbers=["442079460001"])
async def desk(call: Call) -> None:
    """The desk."""
    await call.talk(
        "Welcome."
    )
    for attempt in range(2):
        choice = await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)}, tries=1)
        if choice is None:
            continue
        if choice == "two":
            await leave(call)
            return
        try:
            if not await call.run(look_up, call.from_):
                await call.talk(
                    "I do not know you."
                )
        except RunFailed:
            await call.talk("One moment.")
            await call.talk("I cannot look it up.")
        else:
            break
    await call.talk("Goodbye.")


async def leave(call: Call) -> None:
    total = sum(each for each in range(3))
    await call.talk(f"Bye {total}.")
'''
SCENARIO = """\
a caller presses 1:
  to: "442079460001"
  given: {look_up: {value: true}}
  script: [press: 1]
"""
OTHERS = """\

an unknown caller says nothing first:
  to: "442079460001"
  given: {look_up: {value: false}}
  script: [silence, press: 1]

a caller presses 2 when the shop's system is down:
  to: "442079460001"
  given: {look_up: {timeout: true}}
  script: [press: 1, press: 2]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/desk.py").write_text(HANDLER)
    (tmp_path / "tests/scenarios").mkdir(parents=True)
    (tmp_path / "tests/scenarios/desk.yaml").write_text(SCENARIO)
    return tmp_path


def never_run(project: Path, *words: str) -> list[str]:
    found = ncco("test", *words, cwd=project, env=SETTINGS)
    assert 0 == found.exit_code, found.output
    _, _, after = found.output.partition("never run:\n")
    return [line.strip() for line in after.partition("\n\n")[0].splitlines()]


def test_lines_that_no_scenario_runs_are_listed(project: Path) -> None:
    assert [
        "flows/desk.py:17  desk: line 17",
        "flows/desk.py:19  desk: lines 19-20",
        "flows/desk.py:23  desk: lines 23-28",
    ] == never_run(project)
    (coverage,) = json.loads(ncco("test", "--format", "json", cwd=project, env=SETTINGS).stdout)["coverage"]
    (desk,) = coverage["flows"]
    assert [[17, 17], [19, 20], [23, 28]] == desk["never_run"]
    annotated = ncco("test", "--format", "github", cwd=project, env=SETTINGS).output
    assert (
        "::notice file=flows/desk.py,line=23,title=never run::flow desk: no scenario runs the lines 23 to 28"
        in annotated
    )


def test_nothing_is_listed_once_scenarios_run_every_line(project: Path) -> None:
    path = project / "tests/scenarios/desk.yaml"
    path.write_text(SCENARIO + OTHERS)
    assert [] == never_run(project)
    assert "lines 20 of 20" in ncco("test", cwd=project, env=SETTINGS).output
    assert [] == never_run(project, "-k", "presses 1")


def test_a_line_of_a_handler_that_a_flow_file_runs_counts_too(project: Path) -> None:
    (project / "flows/front.yaml").write_text(
        'flow: front\nnumbers: ["442079460002"]\nstart: a\nsteps: {a: {do: [{talk: "Hi."}], goto: {run: desk}}}\n'
    )
    path = project / "tests/scenarios/desk.yaml"
    path.write_text((SCENARIO + OTHERS).replace("442079460001", "442079460002"))
    assert [] == never_run(project)
