"""A proof reaches exactly what a brute-force walk reaches."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, assume, given

from ncco_server.engine import CallData
from ncco_server.flow.loader import load
from ncco_studio.verify.prove import Proof, SearchLimits, prove
from ncco_studio.verify.prove.space import Transition
from tests.support.examples import examples
from tests.system.studio.verify.prove.brute_force import CALLS, KEYS, Seen, walk
from tests.system.studio.verify.prove.proved_flows import NOW
from tests.system.studio.verify.prove.remembering_flows import remembering_flows
from tests.unit.server.engine.generated_flows import TEMPLATES, flow_texts

MODEST = examples(40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def calm(proof: Proof) -> list[Transition]:
    """The turns that can be reached without a fault."""
    return [edge for edge in proof.space.transitions if all(each.kind != "fault" for each in edge.first_path)]


def agree(seen: Seen, proof: Proof) -> None:
    turns = calm(proof)
    entered = {step for edge in turns for _, step in edge.entered}
    tested = {
        (step, _line(name)) for edge in turns for _, step, name in edge.taken if name == "else" or name[:3] == "if "
    }
    failed = {(each.step, each.code) for edge in turns for each in edge.failed}

    if proof.space.stopped:  # an incomplete proof claims nothing
        return
    assert set() == seen.entered - entered
    assert set() == seen.failed - failed
    assert not seen.ends or any(edge.target is None for edge in turns)
    assert set() == seen.tested - tested
    assert not seen.is_whole or (entered, failed, tested) == (seen.entered, seen.failed, seen.tested)


def _line(name: str) -> str:
    """A branch's line in the words of the trace."""
    return name if name == "else" else f"{name.removeprefix('if ')} holds"


def _calls(proof: Proof) -> list[CallData]:
    """Calls of every kind, and the calls in the proof."""
    return [*CALLS, *(each.call for each in proof.space.transitions if each.call is not None)]


def _keys(proof: Proof) -> list[str]:
    """Keys of every kind, and the keys in the proof: a flow may test for a value that KEYS lacks."""
    pressed = [edge.trigger.line.get("press", "") for edge in proof.space.transitions]
    return [*dict.fromkeys((*KEYS, *pressed))]


@given(text=flow_texts())
@MODEST
def test_a_proof_reaches_what_a_walk_of_every_session_reaches(text: str) -> None:
    project = load({"flows/test.yaml": text, **TEMPLATES})
    assume(not project.has_errors)

    proof = prove(project.flows["test"], NOW)
    agree(walk(project.flows["test"], calls=_calls(proof)), proof)


@given(files=remembering_flows())
@MODEST
def test_a_proof_forgets_nothing_that_decides(files: dict[str, str]) -> None:
    project = load(files)
    assume(not project.has_errors)

    proof = prove(project.flows["test"], NOW, bounds=SearchLimits(states=20_000))
    agree(walk(project.flows["test"], proof.ranges, _calls(proof), _keys(proof)), proof)


def test_nothing_is_claimed_about_numbers_that_grow_by_each_other() -> None:
    folder = Path(__file__).parent / "missed"
    flow = load({f"flows/{path.name}": path.read_text() for path in folder.glob("*.yaml")}).flows["test"]
    proof = prove(flow, NOW)

    assert "walked" == proof.verdict.status
    assert {("test", "n"), ("test", "m")} == set(proof.ranges)
    assert ("numbers from -6 to 8",) == proof.verdict.representatives["test.m"]
    assert {("a", "E392")} == walk(flow).failed  # after sixty doublings the number is too large
    agree(walk(flow, proof.ranges), proof)
