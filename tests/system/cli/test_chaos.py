"""`ncco test --chaos`: the same scenarios on an unreliable network."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ncco_server.desk.commands import main
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.tracked import ROOT

PROJECTS = (ROOT, *sorted(folder for folder in (ROOT / "examples").iterdir() if (folder / "flows").is_dir()))


@pytest.mark.timeout(1_800)  # for --night
@each_case("project", PROJECTS, ids=lambda project: project.name)
def test_callers_hear_the_same_on_an_unreliable_network(project: Path, pytestconfig: pytest.Config) -> None:
    """By day, every third project; with `--night` all, and many networks."""
    handlers = ",".join(file.name for file in (project / "flows").glob("*.py"))
    for seed in range(40) if pytestconfig.getoption("--night") else range(PROJECTS.index(project) % 3 == 0):
        result = ncco("test", "--chaos", str(seed), cwd=project, env={"NCCO_PYTHON_FLOWS": handlers})

        assert 0 == result.exit_code, result.output


def test_a_server_that_counts_each_delivery_is_detected(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "tests/scenarios").mkdir(parents=True)
    flow = """flow: clock
default: true
start: a
steps:
  a:
    do: [{talk: "It is {{ now | spoken('time') }}. Press 1."}]
    choices: {one: {dtmf: 1, goto: b}}
    retry: {then: end}
  b:
    do: [{talk: "Now it is {{ now | spoken('time') }}."}]
    goto: end
"""
    (tmp_path / "flows/clock.yaml").write_text(flow)
    scenario = (
        "a caller hears the time: {at: 2026-03-04T09:59:52, script: [hear: It is, press: 1, hear: Now it is 9]}\n"
    )
    (tmp_path / "tests/scenarios/clock.yaml").write_text(scenario)

    def code(*chaos: str) -> int:
        return CliRunner().invoke(main, ["test", str(tmp_path), *chaos]).exit_code

    assert 0 == code()
    assert any(1 == code("--chaos", str(seed)) for seed in range(20))
