"""The front desk as a flow file and as a handler in Python: the same scenarios, with the same NCCOs.

Only what callers hear when something fails differs: the flow file's error exit puts them through.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ncco_server.cli.server_under_test import make_app
from ncco_server.flow.loader import load_files
from ncco_server.verify.scenarios.files import ScenarioFile
from ncco_server.verify.scenarios.model import read_scenarios
from ncco_server.verify.scenarios.runner import run_suite
from ncco_server.verify.scenarios.stage import LocalStage
from tests.support.tracked import ROOT

SCENARIOS = "tests/scenarios/reception.yaml"
FAULT = "a fault of ours is owned up to"
IN_PYTHON = ROOT / "examples/frontdesk"


def without_tail(ncco: bytes) -> Iterator[Any]:
    for action in json.loads(ncco or b"[]"):
        yield action
        if action["action"] == "input":
            return


def nccos_of(project: Path, handlers: Sequence[str] = ()) -> Mapping[str, Sequence[Any]]:
    """The replies of the server in each scenario, which must pass."""
    loaded = load_files(project / "flows", project / "templates", {}, handlers=handlers)
    text = (project / SCENARIOS).read_text(encoding="utf-8")
    scenarios, issues = read_scenarios(SCENARIOS, text)
    file = ScenarioFile(Path(SCENARIOS), SCENARIOS, text, scenarios, tuple(issues))
    suite = asyncio.run(run_suite(LocalStage(loaded, make_app), [file]))
    assert [] == [(each.scenario.name, each.differences) for each in suite.differing]
    return {
        each.scenario.name: [[*without_tail(turn.ncco)] for record in each.records for turn in record.turns]
        for each in suite.results
    }


def test_callers_of_the_handler_get_the_same_nccos_as_callers_of_the_flow_file() -> None:
    expected, found = dict(nccos_of(ROOT)), dict(nccos_of(IN_PYTHON, ["reception.py"]))
    assert len(expected) > 15
    assert expected.pop(FAULT) != found.pop(FAULT)
    assert expected == found


def test_both_have_the_same_scenarios() -> None:
    assert (ROOT / SCENARIOS).read_bytes() == (IN_PYTHON / SCENARIOS).read_bytes()
