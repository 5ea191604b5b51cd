"""Calls that the server places in development: they ring on this phone, in real time.

The server uses a virtual Vonage in this process, which also sends its webhooks; no real phone is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from socket import socket
from typing import Any, Final, Literal, TypeAlias

from fastapi import HTTPException

from ncco_server.service.phone_numbers import readable
from ncco_server.settings import Settings
from ncco_server.settings.fields import VoiceAccess
from ncco_server.vonage.keys import rsa_private_key
from ncco_studio.console.phone.player import NO_CALL, Json, shown_lines
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.legs import CallIsOver, Leg
from ncco_studio.simulator.parties import ENDLESS, Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from ncco_studio.simulator.servers import HttpServer, moved
from ncco_studio.simulator.transcript import AwaitedDial
from ncco_studio.verify.played_lines import leg_lines
from ncco_studio.verify.scenarios.script import HangUpStep, PressStep, SilenceStep, SpeakStep, step_of

Choice: TypeAlias = Literal["answer", "decline", "mailbox", "ring"]
CHOICES: Final[dict[Choice, Behaviour]] = {
    "answer": Behaviour("answered", rings_s=0, talks_s=ENDLESS),
    "decline": Behaviour("rejected", rings_s=0),
    "mailbox": Behaviour("beep", rings_s=0, talks_s=60),
    "ring": Behaviour("timeout"),
}
"""What a person can do when the phone rings. With `mailbox`, it beeps and records for a minute."""
PREFIX: Final = "placed-"
"""The prefix of the IDs that such calls have on the page."""
POLL_S: Final = 1.0
"""The interval of the page's requests for news of the call."""
ENDED_CALLS: Final = 100
"""Ended calls that can still be viewed."""


class IncomingCalls:
    """A virtual Vonage whose called party is the person at the phone.

    `speed` is how many seconds pass per real second.
    """

    def __init__(
        self, settings: Settings, access: VoiceAccess, server_url: str, listener: socket, *, speed: float = 1.0
    ) -> None:
        application = Application(
            "",
            f"{server_url}/webhooks/event",
            signature_secret=settings.signature_secret.get_secret_value(),
            api_key=settings.api_key,
            application_id=access.application_id,
            region_url=access.api_url,
        )
        key = rsa_private_key(access.private_key).public_key()
        place = partial(moved, base=settings.public_url, to=server_url) if settings.public_url else str
        server = HttpServer(place=place)  # webhooks' URLs begin with the public URL
        self._live = LiveVonage(application, key, Parties(other=None), server, speed)
        self._listener = listener

    async def serve(self) -> None:
        await self._live.serve(self._listener, self._forget)

    def _forget(self) -> None:
        vonage = self._live.vonage
        if len(vonage.legs) > 2 * ENDED_CALLS:
            vonage.forget_ended(ENDED_CALLS)

    def ringing(self) -> list[Leg]:
        return [leg for leg, _ in self._ringing_legs()]

    def _ringing_legs(self) -> Iterator[tuple[Leg, Leg]]:
        """Ringing legs, each with the leg whose dial waits for a decision: itself, or the one that dials it."""
        for leg in self._live.vonage.legs.values():
            if isinstance(leg.waited, AwaitedDial):
                yield (leg.dialled[-1] if leg.is_answered else leg), leg

    async def choose(self, uuid: str, choice: Choice) -> None:
        """Raise HTTPException if the leg no longer rings."""
        async with self._live.scheduler.in_step():
            decider = next((decider for leg, decider in self._ringing_legs() if leg.uuid == uuid), None)
            if decider is None:
                raise HTTPException(404, "this call is no longer ringing")
            await decider.decide(CHOICES[choice])

    async def show(self, id_: str) -> Json:
        """In the same form as the phone's own calls. Raises HTTPException."""
        async with self._live.scheduler.in_step():
            return _shown(self._leg(id_))

    async def do(self, id_: str, written: Any) -> Json:
        """Raise HTTPException."""
        refused = ""
        async with self._live.scheduler.in_step():
            leg = self._leg(id_)
            try:
                match step_of(written):
                    case PressStep(keys=keys):
                        leg.begin(leg.pressing(keys))
                    case SpeakStep(speech=speech):
                        leg.begin(leg.saying(*speech.results, error=speech.error))
                    case HangUpStep():
                        await leg.hang_up()
                    case SilenceStep():
                        pass
                    case _:
                        refused = "this is not possible in a call that the server placed"
            except CallIsOver as error:
                refused = str(error)
        async with self._live.scheduler.in_step():
            return _shown(leg) | {"refused": refused}

    def _leg(self, id_: str) -> Leg:
        leg = self._live.vonage.legs.get(id_.removeprefix(PREFIX))
        if leg is None:
            raise HTTPException(404, NO_CALL)
        return leg


def _shown(leg: Leg) -> Json:
    """Leave out what only the phone's own calls have."""
    caller = leg.identity.from_ or ""
    waited = leg.waited
    return {
        "id": f"{PREFIX}{leg.uuid}",
        "at": leg.at,
        "next_at": None if leg.is_over else leg.at + POLL_S,
        "moment": "end" if leg.is_over else "input" if waited is not None else "until",
        "line": leg.identity.to,
        "is_over": leg.is_over,
        "made_at": f"{readable(caller, caller) or 'A withheld number'} calls {readable(leg.identity.to, caller)}",
        "position": {"flow": "", "step": "", "address": ""},
        "accepted_input": {"text": "", "keys": (), "phrases": ()},
        "lines": shown_lines(leg_lines(leg)),
        "refused": "",
    }
