"""The front desk as a flow file and as a handler in Python: the same scenarios, with the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from ncco_server.flow.loader import load_files
from ncco_studio.verify.prove.handler_steps import explore
from ncco_studio.verify.scenarios.files import ScenarioFile
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.runner import run_suite
from ncco_studio.verify.scenarios.stage import LocalStage
from tests.support.tracked import ROOT

SCENARIOS = "tests/scenarios/reception.yaml"
IN_PYTHON = ROOT / "examples/frontdesk"


def nccos_of(project: Path, handlers: Sequence[str] = ()) -> Mapping[str, Sequence[bytes]]:
    """The replies of the server in each scenario, which must pass."""
    loaded = load_files(project / "flows", project / "templates", {}, handlers=handlers, explore=explore)
    text = (project / SCENARIOS).read_text(encoding="utf-8")
    scenarios, issues = read_scenarios(SCENARIOS, text)
    file = ScenarioFile(Path(SCENARIOS), SCENARIOS, text, scenarios, tuple(issues))
    suite = asyncio.run(run_suite(LocalStage(loaded), [file]))
    assert [] == [(each.scenario.name, each.differences) for each in suite.differing]
    return {
        each.scenario.name: [turn.ncco for record in each.records for turn in record.turns] for each in suite.results
    }


def test_callers_of_the_handler_get_the_same_bytes_as_callers_of_the_flow_file() -> None:
    expected = nccos_of(ROOT)
    assert len(expected) > 15
    assert expected == nccos_of(IN_PYTHON, ["reception.py"])


def test_both_have_the_same_scenarios() -> None:
    assert (ROOT / SCENARIOS).read_bytes() == (IN_PYTHON / SCENARIOS).read_bytes()
