"""Calls to a real server in this process, over a network with faults, whose webhooks show how the platform behaves."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.turns import Policy
from ncco_server.settings.values import DEFAULT, read_failsafe
from ncco_server.store import Store, open_store
from ncco_studio.simulator.assumptions import DEFAULTS, Assumptions
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application, Chaos
from ncco_studio.simulator.outbound import OutboundCall
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import AsgiServer
from ncco_studio.verify.platform_check.stored import VISIBLE, seen_in
from ncco_studio.verify.scenarios.stage import BASE, make_app

NUMBER: Final = "442079460001"
CALLER: Final = "447700900123"
OTHER: Final = "447700900111"
FLOW: Final = f"""\
flow: desk
numbers: ["{NUMBER}"]
start: menu
defaults: {{retry: {{then: end}}}}
steps:
  menu:
    do: [{{talk: "Press 1 to 4."}}]
    choices:
      person: {{dtmf: 1, goto: person}}
      room: {{dtmf: 2, goto: room}}
      number: {{dtmf: 3, goto: number}}
      keys: {{dtmf: 4, goto: keys}}
      whisper: {{dtmf: 5, goto: announced}}
  person:
    do: [{{connect: "{OTHER}", timeout: 20}}]
    on: {{completed: thanks, otherwise: thanks}}
  announced:
    do: [{{connect: {{type: phone, number: "{OTHER}", onAnswer: {{run: whisper}}}}}}]
    on: {{completed: thanks, otherwise: thanks}}
  room:
    do: [{{conversation: room}}]
    goto: end
  number:
    do: [{{talk: "Your number, and the hash key."}}]
    collect: {{into: given, digits: 2..8}}
    goto: thanks
  keys:
    do:
      - {{action: input, type: [dtmf], mode: asynchronous}}
      - wait: 20
    goto: end
  thanks:
    do: [{{talk: "Thank you."}}]
    goto: end
"""
WHISPER: Final = """\
flow: whisper
start: hear
steps:
  hear: {do: [{talk: "A call from the desk."}], goto: end}
"""
KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("person", "leave", "gone", "busy", "timeout"), "1"),
    **{"room": "2", "number": "3", "hash": "3", "keys": "4", "one_key": "4", "whisper": "5"},
}
"""What a caller presses who goes this way."""
WAYS: Final = (
    "silence",
    "person",
    "leave",
    "busy",
    "timeout",
    "gone",
    "whisper",
    "room",
    "number",
    "keys",
    "placed",
    "detected",
)
"""What the callers do, in turn."""


async def seen_on(assumes: Assumptions, calls: int, seed: int) -> dict[str, Any]:
    """What calls show on a platform that behaves like this: the value of each assumption that can be seen."""
    store = open_store("memory://")
    await _make_calls(store, assumes, calls, seed)
    async with store.records() as records:
        found = await seen_in(records, calls, datetime.now(UTC))
    await store.close()
    return {each.assumption.name: each.seen for each in found if each.assumption.name in VISIBLE}


async def stored_calls(file: Path, calls: int, **differing: Any) -> None:
    """Store calls in a database."""
    store = open_store(f"sqlite:///{file}")
    await _make_calls(store, replace(DEFAULTS, **differing), calls, 1)
    await store.close()


async def _make_calls(store: Store, assumes: Assumptions, calls: int, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - reproducible, not secret
    policy = Policy(keys=(b"a key of the server for calls that nobody makes",), failsafe=read_failsafe(DEFAULT))
    project = load({"flows/desk.yaml": FLOW, "flows/whisper.yaml": WHISPER}, {})
    application = Application(
        f"{BASE}/webhooks/answer", f"{BASE}/webhooks/event", f"{BASE}/webhooks/fallback", assumes=assumes
    )
    service = CallService(store, lambda: project, policy)
    await store.open()
    await service.library.reload()
    for number in range(calls):
        clock = VirtualClock(datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(minutes=5 * number))
        way = WAYS[number % len(WAYS)]
        parties = Parties({OTHER: _behaviour(way), CALLER: Behaviour("human", talks_s=20.0)})
        chaos = Chaos(luck.randrange(10**6), rate=0.1)
        server = AsgiServer(make_app(service, clock, []), clock)
        vonage = Vonage(application, server, clock, parties, chaos=chaos, seed=f"{seed} {number}")
        if way in ("placed", "detected"):
            detection = {"machineDetection": "continue"} if way == "detected" else {}
            action = {
                "action": "connect",
                "endpoint": [{"type": "phone", "number": CALLER}],
                "from": NUMBER,
                **detection,
            }
            vonage.place(OutboundCall(action, (application.answer_url, "POST"), (application.event_url, "POST")))
        else:
            await _call(vonage, way)
        await vonage.run(200)


def _behaviour(way: str) -> Behaviour:
    if way in ("busy", "timeout"):
        return Behaviour("busy" if way == "busy" else "timeout")
    return Behaviour(rings_s=15.0 if way == "gone" else 4.0, talks_s=12.0, hangs_up_first=way != "leave")


async def _call(vonage: Vonage, way: str) -> None:
    leg = await vonage.call(NUMBER, CALLER)
    if way not in KEYS or (await leg.listen()).kind != "input":
        return
    await leg.press(KEYS[way])
    if way in ("number", "hash"):
        if (await leg.listen()).kind == "input":
            await leg.press("123#" if way == "number" else "#")
        return
    if way in ("keys", "one_key", "room", "gone"):
        await vonage.run(5)
        if way in ("room", "gone"):
            await leg.hang_up()
        elif not leg.is_over:
            await leg.press("12" if way == "keys" else "1")
