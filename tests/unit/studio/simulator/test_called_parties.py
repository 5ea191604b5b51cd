"""Called parties with their own NCCO, machines, and WebSockets.

Source: NCCO reference, Phone (onAnswer) and Connect; webhook reference, Machine detection; WebSocket guide.
"""

from __future__ import annotations

from typing import Any

import pytest

from ncco_studio.simulator.parties import ENDLESS, Behaviour, Words
from ncco_studio.simulator.servers import Response
from tests.unit.studio.simulator.scripted_server import BASE, FROM, Line, ask, dial, heard, playing, sounds, talk, url

PARTY = "447700900456"


SOCKET = "wss://bot.example.com/socket"


def whispering(**options: Any) -> dict[str, Any]:
    endpoint = {"type": "phone", "number": PARTY, "onAnswer": {"url": f"{BASE}/whisper", **options}}
    return dial() | {"endpoint": [endpoint]}


def socket(**options: Any) -> dict[str, Any]:
    headers = {"tenant": "blue"}
    endpoint = {"type": "websocket", "uri": SOCKET, "content-type": "audio/l16;rate=16000", "headers": headers}
    return {"action": "connect", "endpoint": [endpoint], "eventUrl": url("connect"), **options}


async def test_the_called_party_follows_its_script() -> None:
    script = ("", Words("yes please"), "1")
    asking = [talk("Take the call?"), ask("taken", type=["dtmf", "speech"])]
    line = Line(
        {"answer": [whispering()], "whisper": asking, "taken": (playing(asking), playing(asking), Response(204))},
        {PARTY: Behaviour(script=script)},
    )

    call = await line.call()
    await call.listen()

    assert [
        "talk Take the call?", "talk Take the call?", "spoke yes please", "talk Take the call?", "pressed 1",
        f"joined {FROM}", "hung up",
    ] == sounds(call.dialled[0])  # fmt: skip
    assert "start_timeout" == line.bodies("taken")[0]["speech"]["timeout_reason"]


@pytest.mark.parametrize(("talks_s", "left_at"), [(20.0, 20.0), (ENDLESS, 7200.0)])
async def test_a_party_kept_waiting_eventually_hangs_up(talks_s: float, left_at: float) -> None:
    line = Line(
        {"answer": [whispering()], "whisper": [{"action": "wait", "timeout": 7200}]},
        {PARTY: Behaviour(talks_s=talks_s)},
    )

    call = await line.call()
    await call.listen(until=left_at + 5)

    assert left_at == call.dialled[0].transcript[0].at


async def test_a_called_party_can_be_played_by_hand() -> None:
    line = Line({"answer": [whispering()], "whisper": [ask("taken", dtmf={"maxDigits": 1})]})

    call = await line.call()
    await call.listen(until=4.5)
    await call.dialled[0].press("1")
    await call.listen()

    assert [(4.0 + 0.5, "joined", PARTY)] == heard(call)[1:2]


async def test_a_caller_may_hang_up_while_the_whisper_is_requested() -> None:
    line = Line({"answer": [whispering()], "whisper": playing([talk("one")], seconds=2)})

    call = await line.call()
    await call.listen(until=5)
    await call.hang_up()
    await line.vonage.run()

    assert ["ended"] == sounds(call.dialled[0])
