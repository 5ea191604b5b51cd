"""Dials that a test decides by hand, and parties that act at any time."""

from __future__ import annotations

import pytest

from ncco_studio.simulator.legs import NothingToDecide
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Response
from tests.unit.studio.simulator.scripted_server import Line, dial, heard, playing, sounds, talk

PARTY = "447700900456"


SYNC = dial(eventType="synchronous")


async def test_the_called_party_can_hang_up_at_any_time() -> None:
    line = Line({"answer": [dial(), talk("next")]})

    call = await line.call()
    await call.listen(until=10)
    await call.dialled[0].hang_up()
    await call.listen()

    assert (10.0, "talk", "next") == heard(call)[3]


async def test_a_dial_can_wait_for_a_decision() -> None:
    line = Line({"answer": [SYNC, talk("next")], "connect": Response(204)}, asks=True)

    call = await line.call()
    moment = await call.listen()
    await call.decide(Behaviour("busy", rings_s=3))
    await call.listen()

    assert ("dial", PARTY) == (moment.kind, moment.waited and moment.waited.address)
    assert (3.0, "talk", "next") == heard(call)[1]


async def test_a_dial_without_a_decision_times_out() -> None:
    line = Line({"answer": [dial(timeout=30), talk("next")]}, asks=True)

    call = await line.call()
    await call.listen()
    await call.silence()
    await call.listen()

    assert (30.0, "talk", "next") == heard(call)[1]
    with pytest.raises(NothingToDecide, match="no dial waits"):
        await call.decide(Behaviour())


async def test_a_caller_may_hang_up_while_the_reply_is_on_its_way() -> None:
    line = Line(
        {"answer": [SYNC], "connect": (Response(200), Response(200), playing([talk("never")], seconds=3))},
        {PARTY: Behaviour("busy", rings_s=1)},
    )

    call = await line.call()
    await call.listen(until=2)
    await call.hang_up()
    await line.vonage.run()

    assert "talk never" not in sounds(call)
