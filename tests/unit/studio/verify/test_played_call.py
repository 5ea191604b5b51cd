"""A played call, on a fake leg."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ncco_studio.simulator.scheduler import NoProgress
from ncco_studio.simulator.transcript import CallMoment
from ncco_studio.verify.played_call import PlayedCall


class StoppedLeg:
    """A leg whose clock stands still although an event is always pending."""

    at = 12.0
    zero_ms = 0
    is_over = False
    heard_count = 0
    log = ()
    waited = None
    scheduler = SimpleNamespace(next_moment=lambda: 12_000)

    async def listen(self, **_: float) -> CallMoment:
        return CallMoment(self.at, "idle")


@pytest.mark.parametrize("play", [lambda call: call.reach(60.0), lambda call: call.play_to_wait(60.0)])
async def test_a_stuck_call_is_an_error_that_names_the_second(play: Any) -> None:
    placed: Any = SimpleNamespace(leg=StoppedLeg(), turns=[])
    with pytest.raises(NoProgress, match=r"^the call does not continue past 12\.000 s: nothing more happens in it"):
        await play(PlayedCall(placed))
