"""The examples hold where a platform does what no source decides."""

from __future__ import annotations

from pathlib import Path

import yaml

from ncco_studio.simulator.assumptions import assumptions
from tests.contract.server.check.test_examples import PROJECTS, ROOT, handlers_of
from tests.support.cases import each_case
from tests.support.command import json_of, ncco

ELSEWHERE = {
    "barge_in_key": "a key that is pressed before the end of a menu is not heard, so its caller is asked again",
    "input_timeout": "an input ends while its prompt is still playing, so scenarios that answer after it come too late",
    "speech_timeout": "as input_timeout",
}
"""Assumptions without which callers hear something else, and why."""


@each_case("project", PROJECTS, ids=lambda path: path.name if path != ROOT else "samples")
def test_the_scenarios_hold_on_a_platform_that_does_otherwise_where_no_source_decides(
    project: Path, tmp_path: Path
) -> None:
    others = {
        each.name: next(choice for choice in each.choices if choice != each.default)
        for each in assumptions().values()
        if each.choices and each.name not in ELSEWHERE and (each.basis.against or not each.basis.source)
    }
    assert len(others) > 15
    (tmp_path / "platform.yaml").write_text(yaml.safe_dump(others), encoding="utf-8")
    env = {"NCCO_PLATFORM": "platform.yaml", **handlers_of(project)}
    result = ncco("test", project, "--format", "json", cwd=tmp_path, env=env)
    assert 0 == result.exit_code, result.output
    assert json_of(result)["played"] > 0
