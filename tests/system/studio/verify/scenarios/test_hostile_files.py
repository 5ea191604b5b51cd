"""Whatever a scenario file contains, it is read or reported as wrong, and every call is played to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ncco_server.flow.report import report
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.runner import run_suite
from ncco_studio.verify.scenarios.script import STEPS as KINDS
from tests.support.examples import examples
from tests.system.studio.verify.scenarios.playing import file_of, stage_for

WORDS = ("call", "to", "at", "given", "env", "script", "expect", "end", "hooks", "ncco", "seconds", *KINDS, "defaults")
VALUES = st.sampled_from(
    [
        "1",
        "12#",
        "now",
        "busy",
        "2h",
        "0",
        "<40",
        "true",
        "null",
        '""',
        "?",
        "~",
        "{a: b}",
        "[1, {b: c}]",
        "[]",
        "{}",
        "é",
        "&a",
        "*",
    ]
)
LINES = st.tuples(st.integers(0, 3), st.sampled_from(["", "- "]), st.sampled_from(WORDS), VALUES)
STEPS = st.sampled_from(
    [
        *("press: 1", "press: 2", "press: 3", "press: 4", "press: '2580'", "press: '#'", "{press: 1, at: 0}"),
        *("speak: sales", "speak: a pony", "speak: {error: E}", "{speak: sales, at: 1s}", "silence"),
        *("dial", "dial: busy", "dial: {outcome: machine, talks: 0}", "dial: {hangs_up: caller}"),
        *("record", "record: {seconds: 90, key: '*'}", "wait: 1h", "wait: 0", "hangup", "{hangup: now, at: 3s}"),
        *("end", "hear", "hear: Welcome", "fault: lost", "fault: unreadable", "fault: refused"),
        *("event: {status: completed}", "event: {status: busy, uuid: x}", "event: {}"),
    ]
)


@given(st.lists(LINES, max_size=12))
@examples(200)
def test_a_file_is_read_or_reported(lines: list[tuple[int, str, str, str]]) -> None:
    text = "".join(f"{'  ' * depth}{dash}{word}: {value}\n" for depth, dash, word, value in lines)
    scenarios, issues = read_scenarios("s.yaml", text)

    assert report(issues, {"s.yaml": text}) or not issues
    assert not (scenarios and any(issue.is_error for issue in issues))


@given(st.text(max_size=200))
@examples(200)
def test_any_text_is_read_or_reported(text: str) -> None:
    scenarios, issues = read_scenarios("s.yaml", text)

    assert scenarios or issues
    assert not (scenarios and any(issue.is_error for issue in issues))


PROJECTS = yaml.safe_load(Path("tests/contract/studio/scenarios/projects.yaml").read_text())
STAGE = stage_for(PROJECTS["menu"]["flows/main.yaml"])


@given(st.lists(STEPS, max_size=8))
@examples(150, suppress_health_check=[HealthCheck.too_slow])
def test_every_script_comes_to_an_end(steps: list[str]) -> None:
    text = "a:\n  script:\n" + "".join(f"    - {step}\n" for step in [*steps, "hear"])
    suite = asyncio.run(run_suite(STAGE, [file_of(text)]))

    assert [] == [issue for issue in suite.issues if issue.is_error]
    assert ["ended", "hung up"][suite.results[0].transcript[-1].kind == "hung up"] == suite.results[0].transcript[
        -1
    ].kind
