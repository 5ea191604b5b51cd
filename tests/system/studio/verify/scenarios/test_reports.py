"""Reports of scenario results, for people and for programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click import unstyle

from ncco_server.flow.files import project_of
from ncco_studio.verify.scenarios import caller
from ncco_studio.verify.scenarios.files import files_in, files_of
from ncco_studio.verify.scenarios.reports import as_github, as_junit, as_text
from ncco_studio.verify.scenarios.runner import Suite, run_suite
from tests.system.studio.verify.scenarios.playing import file_of, messages, played, stage_for

FLOW = """\
flow: main
numbers: ["442079460000"]
start: menu
defaults: {retry: {then: bye}}
steps:
  menu:
    do:
      - talk: Press 1.
    choices:
      sales: {dtmf: 1, goto: bye}
      pin: {dtmf: 25, goto: pin}
  pin:
    do:
      - talk: Then 2.
    choices:
      two: {dtmf: 2, goto: bye}
  bye:
    do:
      - talk: Good bye.
    goto: end
"""
TEXT = """\
it holds:
  script: [press: 1, hear: Good bye, end]
it differs:
  script: [press: 25, hear: "Good: bye, 100%"]
it ends too early:
  script: [hear: Press 1, press: 1, hear: Good bye, hear: Again]
it has a fault:
  flow: mian
  script: [end]
"""


@pytest.fixture
def suite() -> Suite:
    stage = stage_for(FLOW, path_of=lambda file: f"shop/{file}")
    return asyncio.run(run_suite(stage, [file_of(TEXT)]))


def test_a_difference_is_reported_with_the_transcript_and_the_line_that_decided(suite: Suite) -> None:
    assert """\
✗ it differs  tests/scenarios/main.yaml:3
  tests/scenarios/main.yaml:4: something else is heard
      expected: Good: bye, 100%
      instead:  Then 2.
  decided by shop/flows/main.yaml:11: menu → pin: digits 25 are the key of choice "pin"

        0.0 s  hears     "Press 1."
        0.8 s  presses   2
        1.0 s  presses   5
  >     1.0 s  hears     "Then 2."
  >            expected  "Good: bye, 100%"
        1.8 s  hangs up
""" == unstyle(as_text(suite.differing[0]))


def test_github_gets_an_annotation_for_each_difference_and_each_missing_outcome(suite: Suite) -> None:
    lines = as_github([suite], needs_all=False).splitlines()

    assert "::error file=tests/scenarios/main.yaml,line=4,title=it differs::something else is heard" in lines[1]
    assert "%0Aexpected: Good: bye, 100%25%0Ainstead: Then 2.%0Adecided by shop/flows/main.yaml:11" in lines[1]
    assert "::notice file=shop/flows/main.yaml,line=4,title=never taken::flow main, step menu" in lines[3]
    assert "::error file=shop" in as_github([suite], needs_all=True)


def test_junit_has_a_case_for_each_scenario_and_each_fault(suite: Suite) -> None:
    (found,) = ET.fromstring(as_junit([suite]))  # noqa: S314 - our own text

    assert ("4", "2", "1") == (found.attrib["tests"], found.attrib["failures"], found.attrib["errors"])
    assert ["error", "failure", "failure"] == [each.tag for case in found for each in case]


def test_scenario_files_are_found_below_a_project(tmp_path: Path) -> None:
    for name in ("flows/a.yaml", "tests/scenarios/b.yaml", "tests/scenarios/c/d.yml", "tests/scenarios/.e/f.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "g.txt").write_text("")

    assert ["b.yaml", "d.yml"] == [path.name for path in files_of(tmp_path)]
    assert [] == list(files_in(tmp_path / "nothing"))
    assert tmp_path.resolve() == project_of(tmp_path / "tests" / "scenarios" / "b.yaml")
    assert project_of(Path("/")) is None


HOLD = """\
flow: main
numbers: ["442079460000"]
start: wait
lookups: {place: {get: "https://example.com/place", returns: {free: bool}}}
defaults: {talk: {language: en-GB}, on: {error: bye}}
steps:
  wait:
    lookup: place
    do: [{talk: "Hold."}]
    hold: {until: place.free, up_to: 24h}
    on: {ready: bye, too_long: wait}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""


def test_a_step_that_brings_too_many_webhooks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "MOST_WEBHOOKS", 200)
    result = played(HOLD, "- wait: 24h", "  given: {place: {value: {free: false}}}\n")

    (message,) = messages(result)
    assert "200 webhooks have arrived" in message
