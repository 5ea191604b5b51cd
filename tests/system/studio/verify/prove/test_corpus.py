"""The flows with one fault each, and those without, in `played.yaml`: every fault is found, and nothing else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ncco_server.flow.loader import load_files
from ncco_studio.verify.outcomes import outcomes_of
from ncco_studio.verify.prove.counterexample import covering
from ncco_studio.verify.prove.rehearsal import rehearse
from tests.contract.studio.prove.test_flows import flows_of
from tests.support.cases import each_case
from tests.support.tracked import ROOT
from tests.system.studio.verify.prove.proved_flows import (
    PLAYED,
    counter_examples,
    play_all,
    project_of,
    proofs_of,
    violations_of,
)

HAPPENING = "trap circle dead_end silence silent_party error_exit invalid_ncco lost_webhook silent_fault failsafe steps"
ALARMS = {"feedback": ["untold welcome", "untold sorry"]}
"""A caller who withholds the number cannot be asked later, as docs/how-to/place.md#a-survey-after-the-call says."""
PROJECTS = [ROOT, *sorted(path.parent for path in (ROOT / "examples").glob("*/flows"))]


@pytest.mark.timeout(900)  # on a busy machine
@each_case("flow", partial(flows_of, "defective", PLAYED))
def test_the_fault_is_found_and_its_counterexample_has_no_other_difference(flow: dict[str, Any]) -> None:
    project = project_of(flow)
    proofs = proofs_of(project)
    told = {issue.code for issue in project.issues} | {each.kind for each in violations_of(project, proofs)}

    assert flow["found"] in told
    if flow["found"] not in HAPPENING.split():
        return
    examples = [each for proof in proofs for each in counter_examples(proof)]
    suite = play_all(project, examples)
    assert len(examples) == len(suite.results) > 0
    assert [[example.name.partition(" in ")[0]] for example in examples] == [
        [difference.message.partition(":")[0] for difference in result.differences] for result in suite.results
    ]


@each_case("flow", partial(flows_of, "sound", PLAYED))
def test_a_good_flow_has_no_findings_and_a_few_scenarios_cover_every_outcome(flow: dict[str, Any]) -> None:
    project = project_of(flow)
    proofs = proofs_of(project)
    wanted = {(each.flow, each.step, each.name) for flow in project.flows.values() for each in outcomes_of(flow)}
    played = [each for proof in proofs for each in rehearse(project, covering(proof, wanted))]
    suite = play_all(project, [each.written for each in played])

    assert [] == [issue.code for issue in project.issues if issue.is_error]
    assert [] == [each.message for each in violations_of(project, proofs)]
    assert [] == [each for proof in proofs for each in proof.verdict.never]
    assert {""} == {each.problem for each in played}
    assert [] == [difference.message for result in suite.results for difference in result.differences]
    assert (suite.coverage.outcomes, 100) == (suite.coverage.taken, suite.coverage.percent)


@each_case("folder", PROJECTS, ids=lambda path: path.name)
def test_the_flows_of_the_project_and_its_examples_have_no_findings(folder: Path) -> None:
    handlers = [path.name for path in (folder / "flows").glob("*.py")]
    project = load_files(folder / "flows", folder / "templates", handlers=handlers)

    found = [f"{each.kind} {each.step}" for each in violations_of(project, proofs_of(project))]
    assert ALARMS.get(folder.name, []) == found
