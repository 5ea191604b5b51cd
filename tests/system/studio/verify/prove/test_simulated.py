"""A proof reaches what simulated callers reach, and predicts what they hear."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, assume, given

from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_studio.verify.prove import SearchLimits, prove
from tests.support.examples import examples
from tests.system.studio.verify.prove.played_flows import played_flows
from tests.system.studio.verify.prove.proved_flows import NOW
from tests.system.studio.verify.prove.simulated_walk import Heard, Walk


@given(files=played_flows())
@examples(30, suppress_health_check=list(HealthCheck))
def test_a_proof_reaches_what_played_calls_reach(files: dict[str, str]) -> None:
    project = load(files)
    assume(not project.has_errors)

    heard = asyncio.run(Walk(project).walk())

    agree(heard, project)


def agree(heard: Heard, project: Project) -> None:
    """Check that the proof reaches everything that calls have reached, and nothing more if the calls are complete."""
    proof = prove(project.flows["test"], NOW, bounds=SearchLimits(states=20_000))
    taken = {key for key in heard.taken if key[2] not in ("entered", "error")}
    calm = [edge for edge in proof.space.transitions if edge.kind != "fault"]
    failed = {each.step for edge in calm for each in edge.failed}
    lost = {each.step for each in proof.violations if each.kind == "unreachable"}
    told = {each.step for each in proof.violations if each.kind in ("error_exit", "invalid_ncco")}

    assert not proof.space.stopped
    assert set() == taken - proof.taken
    assert set() == heard.failed - failed
    assert bool(heard.failed) <= bool(told)
    assert set() == heard.entered & lost
    callers = [edge.call for edge in proof.space.transitions if edge.call is not None and edge.call.from_user]
    assert not heard.is_whole or callers or (taken, heard.failed) == (set(proof.taken), failed)
