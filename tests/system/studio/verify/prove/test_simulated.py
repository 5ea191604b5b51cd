"""A proof reaches what simulated callers reach, and predicts what they hear."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, assume, given

from ncco_server.flow.loader import load
from tests.support.examples import examples
from tests.system.studio.verify.prove.agreement import agree
from tests.system.studio.verify.prove.played_flows import played_flows
from tests.system.studio.verify.prove.simulated_walk import Walk


@given(files=played_flows())
@examples(30, suppress_health_check=list(HealthCheck))
def test_a_proof_reaches_what_played_calls_reach(files: dict[str, str]) -> None:
    project = load(files)
    assume(not project.has_errors)

    heard = asyncio.run(Walk(project).walk())

    agree(heard, project)
