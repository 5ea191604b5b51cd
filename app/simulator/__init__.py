"""A virtual Vonage: plays any webhook server in virtual time, and lets a caller press, speak, be silent and hang up.

async with HttpServer() as server:
    vonage = Vonage(Application(answer_url=..., event_url=...), server, VirtualClock())
    call = await vonage.call("442079460000", "447700900123")
    await call.listen()
    await call.press("1")
    await call.hang_up()
    print(call.transcript)
"""

from __future__ import annotations

from app.simulator.application import Application
from app.simulator.delivery import Attempt, Chaos, Message, NetworkFault, ReplyResult, WebhookDelivery
from app.simulator.durations import Durations
from app.simulator.legs import BETWEEN_KEYS_S, CallIsOver, CallMoment, Heard, Leg, NothingToDecide, Waited
from app.simulator.parties import ENDLESS, Behaviour, Outcome, Parties, Words
from app.simulator.platform import Vonage
from app.simulator.scheduler import VirtualClock
from app.simulator.servers import AsgiServer, HttpServer, Request, Response, Server

__all__ = [
    "BETWEEN_KEYS_S",
    "ENDLESS",
    "Application",
    "AsgiServer",
    "Attempt",
    "Behaviour",
    "CallIsOver",
    "CallMoment",
    "Chaos",
    "Durations",
    "Heard",
    "HttpServer",
    "Leg",
    "Message",
    "NetworkFault",
    "NothingToDecide",
    "Outcome",
    "Parties",
    "ReplyResult",
    "Request",
    "Response",
    "Server",
    "VirtualClock",
    "Vonage",
    "Waited",
    "WebhookDelivery",
    "Words",
]
