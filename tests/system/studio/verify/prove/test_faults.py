"""Faults between Vonage and the server: callers are never left in silence, and each fault can be played."""

from __future__ import annotations

from functools import cache

from ncco_server.flow.model import Project
from ncco_studio.verify.prove import Proof
from ncco_studio.verify.prove.counterexample import scenario_of
from ncco_studio.verify.prove.space import Transition
from tests.contract.studio.prove.test_flows import flows_of
from tests.support.cases import each_case
from tests.system.studio.verify.prove.proved_flows import PLAYED, play_all, project_of, proofs_of

SOUND = {flow.id: flow.values[0] for flow in flows_of("sound", PLAYED)}
WAITING = sorted({*SOUND} - {"conference"})
"""Flows in which calls wait for a webhook."""
FAULTS = ("away", "refused", "unreadable")


@cache
def proved(name: str) -> tuple[Project, Proof]:
    """A project, and the proof of its only flow, for both tests."""
    project = project_of(SOUND[name])
    (proof,) = proofs_of(project)
    return project, proof


def faulty(proof: Proof, fault: str) -> list[Transition]:
    """The transitions in which a fault happens to the caller."""
    return [edge for edge in proof.space.transitions if edge.trigger.fault == fault and not edge.is_party]


def is_heard(edge: Transition) -> bool:
    """Whether the caller hears anything during a transition."""
    return edge.heard.is_heard


@each_case("name", SOUND)
def test_an_unavailable_store_is_explored_at_every_wait_and_a_caller_always_hears_something(name: str) -> None:
    _, proof = proved(name)
    waiting = {state for state in proof.space.states if not state.session.parent}
    away = faulty(proof, "away")

    assert waiting <= {edge.source for edge in away}
    assert all(map(is_heard, away))


@each_case("name", WAITING)
def test_every_fault_plays_as_the_proof_predicts(name: str) -> None:
    project, proof = proved(name)
    edges = [(fault, number, edge) for fault in FAULTS for number, edge in enumerate(faulty(proof, fault)[:4])]
    written = [scenario_of(proof, proof.paths.to(edge), f"{fault} {number}") for fault, number, edge in edges]
    suite = play_all(project, written)

    assert [] == [f"{each.scenario.name}: {each.differences[0].message}" for each in suite.results if not each.holds]
