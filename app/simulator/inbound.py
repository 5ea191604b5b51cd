"""Inbound calls: from ringing to the end of the NCCO."""

from __future__ import annotations

from app.simulator import payloads
from app.simulator.kernel import Steps
from app.simulator.leg import Identity, Leg
from app.simulator.platform import Platform
from app.simulator.player.player import play
from app.simulator.room import Room


def ring(platform: Platform, identity: Identity) -> Leg:
    """Let a call come in; what becomes of it takes its course."""
    room = Room(platform.ids.conversation())
    leg = platform.new_leg(identity, room, {})
    platform.own_room(leg, room)
    leg.player = platform.kernel.spawn(_answer(platform, leg))
    leg.processes.append(leg.player)
    return leg


def _answer(platform: Platform, leg: Leg) -> Steps[None]:
    """Ask what to do with the call, and do it.

    Source: webhook reference, Answer: replying answers the call; without an NCCO, also from the fallback, it is ended.
    """
    own = platform.application
    platform.tell_status(leg, "started")
    platform.tell_status(leg, "ringing")
    fields = payloads.answer(leg, own.region_url)
    verdict = yield from platform.ask("answer", own.answer_url, own.answer_method, fields, leg)
    if verdict.ncco is not None:
        leg.answered_ms = platform.clock.ms
        platform.tell_status(leg, "answered")
        yield from play(platform, leg, verdict.ncco)
    platform.end(leg, "platform")
