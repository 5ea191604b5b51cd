"""A proof finds the same whether or not it leaves out answers that make no difference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given

from ncco_server.flow.loader import load
from ncco_studio.verify.prove import SearchLimits, prove
from ncco_studio.verify.prove.liveness import Liveness
from tests.support.examples import examples
from tests.system.studio.verify.prove.asking_flows import SHARED, SUB, asking_flows
from tests.system.studio.verify.prove.proved_flows import NOW


def found_in(text: str) -> tuple[Any, ...] | None:
    """What a proof says; None if it is too large."""
    loaded = load({"flows/test.yaml": text, "flows/sub.yaml": SUB, "flows/shared.yaml": SHARED})
    assert [each for each in loaded.issues if each.severity == "error"] == [], text
    proof = prove(loaded.flows["test"], NOW, bounds=SearchLimits(states=300, seconds=60))
    if proof.space.stopped:
        return None
    turns = proof.space.transitions
    return (
        {(each.kind, each.flow, each.step, each.code) for each in proof.violations},
        {outcome for turn in turns for outcome in turn.taken},
        {failure[:3] for turn in turns for failure in turn.failed},
        {name for turn in turns for name, _ in turn.unsent},
        {(turn.before, turn.trigger.kind, turn.entered, turn.target is None) for turn in turns},
    )


@given(text=asking_flows())
@examples(40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_answers_that_are_left_out_make_no_difference(text: str) -> None:
    found = found_in(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Liveness, "sources", lambda _self, flow, _step: {(name,) for name in flow.default_answers})
        every = found_in(text)
    assume(every is not None)

    assert every == found
