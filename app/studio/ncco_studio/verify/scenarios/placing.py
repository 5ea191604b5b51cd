"""Calls that the server places: its real placer requests attempts from the virtual Vonage, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ncco_server.flow.model import Flow
from ncco_server.service.phone_numbers import digits_of, line_of
from ncco_server.service.placing.placer import Placer, PlacingPolicy
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.service.poller import PollListener
from ncco_server.service.turns import Turns
from ncco_server.store import PlacedRow, PlacingLimits, moment_of
from ncco_server.vonage.voice_api import CallDetails, CreatedCall, NewCall
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import DETAILS, ENDLESS, MACHINES, Behaviour
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.models import CreateCall
from ncco_studio.verify.scenarios.model import ScenarioCall
from ncco_studio.verify.scenarios.script import DialStep, ScriptStep

LIMITS: Final = PlacingLimits(1_000_000, 1_000_000)
ANSWERS: Final = Behaviour("completed", talks_s=ENDLESS)
"""What the called phone does if the script does not begin with a `dial`."""
_POLL_S: Final = 5
"""Between checks whether an attempt with lost webhooks was given up."""


def phone_of(script: Sequence[ScriptStep], flow: Flow | None) -> tuple[tuple[Behaviour, ...], tuple[ScriptStep, ...]]:
    """Split a script; the attempts are its first `dial` steps, until somebody hears the flow."""
    found = list[Behaviour]()
    for step in script:
        if not isinstance(step, DialStep):
            break
        found.append(replace(step.party.behaviour, talks_s=ENDLESS))
        if is_heard(found[-1], flow):
            break
    return tuple(found) or (ANSWERS,), tuple(script[len(found) :])


def is_heard(behaviour: Behaviour, flow: Flow | None) -> bool:
    """The party must answer, and machine detection must not hang up."""
    outbound = flow.outbound if flow is not None else None
    hangs_up = outbound is not None and outbound.machine_detection == "hangup" and behaviour.outcome in MACHINES
    return behaviour.outcome not in DETAILS and not hangs_up


def row_of(call: ScenarioCall, flows: Iterable[Flow], allowed: Sequence[str], keys: Sequence[bytes]) -> PlacedRow:
    """Always allow the number to call. Raises RefusedRequest."""
    request = WantedCall(flow=call.places, to=call.to, values=call.values, origin="cli")
    named = {flow.name: flow for flow in flows}
    called = digits_of(call.to, line_of(named.values(), named.get(call.places)))
    return checked(request, named, (*allowed, called), call.made_at, keys)


class VirtualCalls:
    """The Voice API of a virtual Vonage, without HTTP; see `PlacesCalls`."""

    def __init__(self, vonage: Vonage) -> None:
        self.vonage = vonage
        self.legs: list[Leg] = []

    async def create_call(self, call: NewCall) -> CreatedCall:
        leg = self.vonage.place(CreateCall.model_validate(call.body).outbound(self.vonage.event_target))
        self.legs.append(leg)
        return CreatedCall(uuid=leg.uuid, conversation_uuid=leg.conversation.uuid)

    async def call(self, uuid: str) -> CallDetails:
        return CallDetails(uuid=uuid, status=self.vonage.legs[uuid].status)

    async def hang_up(self, uuid: str) -> None:
        self.vonage.hang_up(self.vonage.legs[uuid])


class PlacedAttempts:
    """The attempts of a placed call. The last of `behaviours` repeats."""

    def __init__(self, turns: Turns, vonage: Vonage, behaviours: Sequence[Behaviour], base_url: str) -> None:
        self._store = turns.store
        self._vonage = vonage
        self._behaviours = behaviours
        self._api = VirtualCalls(vonage)
        policy = PlacingPolicy(base_url=base_url, limits=LIMITS)
        self._placer = Placer(turns, self._api, policy, PollListener[Any](), lambda: vonage.clock.at(vonage.clock.ms))
        self._id = ""

    async def ring(self, row: PlacedRow, flow: Flow) -> Leg:
        """Call until somebody hears the flow or no attempt is left; return the last attempt's leg.

        Without an attempt, as to a number that must not be called, the leg is over.
        """
        (row,) = await self._store.placed.add([row])
        self._id = row.id
        while row.state != "over" and not self._is_heard(flow):
            await self._place()
            await self._pass(await self._known(), flow)
            row = await self._known()
        return self._api.legs[-1] if self._api.legs else self._vonage.uncalled(row.number)

    async def made(self) -> Sequence[tuple[datetime, str]]:
        attempts = await self._store.placed.attempts(self._id)
        return [(moment_of(attempt.placing_at), attempt.outcome) for attempt in attempts]

    async def _known(self) -> PlacedRow:
        row = await self._store.placed.get(self._id)
        assert row is not None  # noqa: S101 - it was added, and nothing is deleted here
        return row

    async def _place(self) -> None:
        while claimed := await self._placer.claim(1):
            for attempt in claimed:
                await self._placer.run_one(attempt)

    async def _pass(self, row: PlacedRow, flow: Flow) -> None:
        """Stop at the next attempt's time, or when the current attempt's phone has acted."""
        clock = self._vonage.clock
        advance = self._vonage.scheduler.advance
        legs = self._api.legs
        if row.due_at is not None:
            now = clock.at(clock.ms)
            await advance(
                lambda: False, until_ms=clock.ms + round((moment_of(row.due_at) - now).total_seconds() * 1000)
            )
        elif legs and not legs[-1].is_over:
            await advance(lambda: self._is_heard(flow) or legs[-1].is_over)
        else:
            await advance(lambda: False, until_ms=clock.ms + _POLL_S * 1000)

    def _is_heard(self, flow: Flow) -> bool:
        legs = self._api.legs
        behaviour = self._behaviours[min(len(legs), len(self._behaviours)) - 1]
        return bool(legs) and legs[-1].is_answered and is_heard(behaviour, flow)
