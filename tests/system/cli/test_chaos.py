"""`ncco test --chaos`: the same scenarios on an unreliable network."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ncco_server.desk.commands import main
from tests.support.tracked import ROOT


def test_scenarios_pass_on_an_unreliable_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["test", ".", "examples/queue", "examples/voicemail", "--chaos", "4"])

    assert 0 == result.exit_code, result.output
    assert "all hold" in result.output


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
