"""`ncco test --url`: scenarios on a server that is independent of this project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import ncco
from tests.system.cli.projects import SHOP, write_project
from tests.system.cli.simulated import served
from tests.system.studio.simulator.foreign_server import FINDS_BOTH, app

HOLDS = """\
who presses 1 hears the news:
  given: {customer: {name: Ann}}
  script: [press: 1, hear: There is no news, end]
  expect: {end: completed, hooks: [told]}
"""


NEWS = "a call:\n  script: [press: 1, hear: There is no news, end]\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture(autouse=True)
def _calls(tmp_path: Path) -> None:
    (tmp_path / "calls.yaml").write_text(FINDS_BOTH)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "holds.yaml").write_text(HOLDS)


def test_scenarios_find_both_faults_of_an_independent_server(address: str) -> None:
    done = ncco("test", "calls.yaml", "--url", f"{address}/answer", "--event-url", f"{address}/event")

    assert 1 == done.exit_code
    assert "✗ who says nothing is asked again  calls.yaml:1" in done.output
    assert f"note: input webhook to {address}/choice: Invalid response code. the status is 500" in done.output
    assert "✗ who presses 2 is told good bye  calls.yaml:5" in done.output
    assert "N104 /0/action: " in done.output
    assert "2 scenarios played, 2 differ, " in done.output


def test_unchecked_expectations_are_reported(address: str) -> None:
    done = ncco("test", "--url", f"{address}/answer")

    assert 0 == done.exit_code, done.output
    assert "~ who presses 1 hears the news  scenarios/holds.yaml:1" in done.output
    assert "  not judged: given (the server makes its own lookups)" in done.output
    assert "  not judged: expect.hooks (a server at a URL does not show it)" in done.output
    assert "1 scenario played, all hold, 1 of them checked only in part, " in done.output
    assert "outcomes" not in done.output


def test_a_flow_of_the_current_project_is_called_on_its_number(address: str, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    (tmp_path / "scenarios" / "holds.yaml").write_text("a call:\n  flow: shop\n  script: [press: 1, end]\n")
    done = ncco("test", "scenarios", "--url", f"{address}/answer", "--format", "json")
    (call,) = json.loads(done.stdout)["scenarios"]

    assert [] == call["unjudged"]


@pytest.mark.parametrize(
    ("more", "unjudged"),
    [
        ("  given: {customer: {name: Ann}}\n", "given (the server makes its own lookups)"),
        ("  flow: shop\n", "flow (the answer URL determines it)"),
        ("  at: 2027-01-01T10:00\n", "at (the server uses its own clock)"),
        ("  expect: {variables: {a: 1}}\n", "expect.variables (a server at a URL does not show it)"),
        ("  expect: {end: completed, seconds: <20, said: [news], ncco: [talk, input]}\n", ""),
    ],
)
def test_expectations_that_cannot_be_checked_are_reported(
    more: str, unjudged: str, address: str, tmp_path: Path
) -> None:
    (tmp_path / "scenarios" / "holds.yaml").write_text(f"{NEWS}{more}")
    done = ncco("test", "scenarios", "--url", f"{address}/answer", "--format", "json")

    assert 0 == done.exit_code, done.output
    assert ([unjudged] if unjudged else []) == json.loads(done.stdout)["scenarios"][0]["unjudged"]


def test_the_length_of_a_call_is_checked_except_on_an_unreliable_network(address: str, tmp_path: Path) -> None:
    (tmp_path / "scenarios" / "holds.yaml").write_text(f"{NEWS}  expect: {{seconds: <1}}\n")
    words = ("test", "scenarios", "--url", f"{address}/answer")

    assert (1, 0) == (ncco(*words).exit_code, ncco(*words, "--chaos", "7").exit_code)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "[fault: refused, hear: There is no news]",
            "without --fallback-url, nothing happens after this scenario's `fault`",
        ),
        ("[hear: Press 1, fault: refused, press: 1, hear: x]", "Invalid NCCO."),
        ("[hear: Press 1, fault: unreadable, press: 1, hear: x]", "Invalid response code."),
    ],
)
def test_faults_affect_the_next_webhook_that_the_call_waits_for(
    script: str, told: str, address: str, tmp_path: Path
) -> None:
    (tmp_path / "scenarios" / "holds.yaml").write_text(f"a call:\n  script: {script}\n")

    assert told in ncco("test", "scenarios", "--url", f"{address}/answer").output


def test_reports_for_programs_list_unchecked_expectations(address: str) -> None:
    words = ("test", "scenarios", "--url", f"{address}/answer", "--format")

    assert "::notice file=scenarios/holds.yaml,line=1," in ncco(*words, "github").output
    assert "<system-out>not judged: given (the server" in ncco(*words, "junit").output


def test_recorded_prompts_are_written(address: str, tmp_path: Path) -> None:
    (tmp_path / "open.yaml").write_text("a call:\n  script: [press: 1, hear, end]\n")
    done = ncco("test", "open.yaml", "--url", f"{address}/answer", "--update")

    assert 0 == done.exit_code, done.output
    assert "There is no news." in (tmp_path / "open.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--url", "calls.example.com"], "'calls.example.com' is not the URL of a server"),
        (["--url", "http://127.0.0.1:1/answer"], "there is no server at http://127.0.0.1:1/answer"),
        (["--event-url", "http://127.0.0.1:1/event"], "--event-url only applies to a server at a URL"),
        (["--url", "http://127.0.0.1:1/answer", "empty"], "there are no scenarios in empty"),
    ],
)
def test_unplayable_scenarios_end_with_2(words: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "calls.txt").write_text("")
    done = ncco("test", *words)

    assert 2 == done.exit_code, done.output
    assert told in done.output
