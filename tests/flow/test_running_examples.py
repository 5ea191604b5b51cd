"""The bad examples of what only a call can break break in a call, and the good ones do not in the same one."""

from __future__ import annotations

import pytest

from app.engine import Call
from app.flow.rules import RUNNING_RULES
from tests.engine.scripted_call import ScriptedCall, load_flow

ANNA = Call(to="442079460000", from_number="447700900123", uuid="u1", custom_data={"agent": "anna", "days": "three"})
PREMIUM_PREFIXES = Call(to="442079460000", from_number="447700900123", uuid="u1", custom_data={"agent": "449066362222"})
FROM_AN_APP = Call(to="desk", from_user="anna", uuid="u1")


def failures(example: str | bytes, call: Call) -> list[str]:
    """What could not be played of an example, by code."""
    assert isinstance(example, str)
    flow = load_flow(example)
    played = ScriptedCall(flow, call=call)
    return [line.what for line in played.turn.trace if line.did in {"failed", "refused"}]


@pytest.mark.parametrize(
    ("code", "call"),
    [("E391", FROM_AN_APP), ("E392", ANNA), ("E395", ANNA), ("R101", PREMIUM_PREFIXES), ("R105", FROM_AN_APP)],
)
def test_a_call_breaks_the_bad_example_and_not_the_good_one(code: str, call: Call) -> None:
    assert [code] == failures(RUNNING_RULES[code].bad, call)[:1]
    assert [] == failures(RUNNING_RULES[code].good, call)
