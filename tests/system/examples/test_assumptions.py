"""The examples hold where a platform does what no source decides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ncco_studio.commands.scenario_files import find_scenarios
from ncco_studio.simulator.assumptions import Assumptions, assumptions
from ncco_studio.verify.scenarios.files import read_files
from ncco_studio.verify.scenarios.runner import run_suite
from ncco_studio.verify.scenarios.stage import LocalStage
from tests.contract.server.check.test_examples import PROJECTS, ROOT, handlers_of
from tests.support.cases import each_case

ELSEWHERE = {
    "barge_in_key": "a key that is pressed before the end of a menu is not heard, so its caller is asked again",
    "input_timeout": "an input ends while its prompt is still playing, so scenarios that answer after it come too late",
    "speech_timeout": "as input_timeout",
}
"""Assumptions without which callers hear something else, and why."""


@each_case("project", PROJECTS, ids=lambda path: path.name if path != ROOT else "samples")
def test_the_scenarios_hold_on_a_platform_that_does_otherwise_where_no_source_decides(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {
        each.name: next(choice for choice in each.choices if choice != each.default)
        for each in assumptions().values()
        if each.choices and each.name not in ELSEWHERE and (each.basis.against or not each.basis.source)
    }
    assert len(others) > 15
    monkeypatch.chdir(tmp_path)
    for name, value in handlers_of(project).items():
        monkeypatch.setenv(name, value)
    ((source, files),) = find_scenarios((project,), None, None).items()
    stage = LocalStage(source.load_sound().project, assumes=Assumptions(**others))
    suite = asyncio.run(run_suite(stage, read_files(files)))
    assert suite.results
    assert [] == [(result.scenario.name, result.differences) for result in suite.differing]
