"""Calls that the REST API places.

Source: Voice API specification, createCall; webhook reference, Answer (outbound: only after the callee has answered).
"""

from __future__ import annotations

from dataclasses import dataclass

from ncco_studio.simulator.connect import detect, detections, follow, ring
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import DETAILS, Behaviour
from ncco_studio.simulator.scheduler import Routine, first_of
from ncco_studio.simulator.servers import Target
from ncco_studio.simulator.transcript import Action, Ncco


@dataclass(frozen=True, slots=True)
class OutboundCall:
    """The parameters of a call.

    Attributes:
        action: a `connect` with the same effect; its `timeout` limits the ringing.
        ncco: for the person who answers, or the target that replies with it.
        event: the target of status events.
        longest_s: from the answer until the platform ends the call.
    """

    action: Action
    ncco: Ncco | Target
    event: Target
    longest_s: float = 7200.0


def run(platform: CallControl, leg: Leg, call: OutboundCall) -> Routine[None]:
    """It is unverified that synchronous machine detection delays the answer webhook."""
    platform.send_status(leg, "started")
    platform.send_status(leg, "ringing")
    behaviour = yield from ring(platform, leg, leg, call.action)
    if behaviour.outcome in DETAILS:
        detail, sip_code = DETAILS[behaviour.outcome]
        platform.give_up(
            leg, behaviour.outcome, detail=behaviour.detail or detail, sip_code=behaviour.sip_code or sip_code
        )
        return
    leg.answered_ms = platform.clock.ms
    is_announced = platform.assumes.outbound_answered == "before" or not isinstance(call.ncco, tuple)
    if is_announced:
        platform.send_status(leg, "answered")
    keys = call.action["endpoint"][0].get("dtmfAnswer")
    if keys:
        leg.play_keys(keys)
    leg.processes.append(platform.scheduler.spawn(_end_at_the_limit(leg, call.longest_s)))
    leg.processes.append(platform.scheduler.spawn(follow(platform, leg, behaviour)))
    yield from _detect_and_play(platform, leg, call, behaviour, is_announced=is_announced)


def _detect_and_play(
    platform: CallControl, leg: Leg, call: OutboundCall, behaviour: Behaviour, *, is_announced: bool
) -> Routine[None]:
    events = detections(call.action, behaviour)
    ncco = call.ncco
    if events and (events[0].delays_joining or platform.assumes.detection == "delays"):
        ncco = (yield from detect(platform, leg, events)) or ncco
        events = ()
    if leg.is_over:
        return

    def detecting() -> Routine[None]:
        replaced = yield from detect(platform, leg, events)
        if replaced is not None and not leg.is_over:
            platform.replace(leg, replaced)

    if events:
        leg.processes.append(platform.scheduler.spawn(detecting()))
    yield from platform.play_to_the_end(leg, ncco, is_announced=is_announced)


def _end_at_the_limit(leg: Leg, seconds: float) -> Routine[None]:
    yield from first_of(within=seconds)
    leg.end("platform")
