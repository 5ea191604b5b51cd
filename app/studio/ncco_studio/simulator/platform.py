"""The simulated platform, which places calls and plays their NCCOs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ncco_studio.simulator import payloads
from ncco_studio.simulator.clock import in_ms
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.deliveries import replacement
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.legs import Identity, Leg, SimulatedConversation
from ncco_studio.simulator.outbound import OutboundCall, run
from ncco_studio.simulator.parties import address_of
from ncco_studio.simulator.playback import Playback
from ncco_studio.simulator.player import play
from ncco_studio.simulator.scheduler import LONGEST_CALL_MS, Routine
from ncco_studio.simulator.transcript import Ncco

RANDOM_NUMBER: Final = "442079460999"
"""If the application's numbers are unknown. It is reserved for fiction."""


class Vonage(CallControl):
    """The simulated platform: its clock, conversations, IDs and deliveries.

    Virtual time only advances while a method of this class or of its legs is awaited. Await one method at a time.

    Args:
        clock: also for the server under test, if it can use one.
        parties: by default, all answer after 4 seconds and talk for 30.
        seed: determines the IDs.
        scheduler: None for as fast as possible.
    """

    def play(self, leg: Leg, ncco: Ncco) -> Routine[None]:
        return play(Playback(self, leg), ncco)

    async def send_event(self, leg: Leg, fields: Mapping[str, Any]) -> None:
        """`fields` override the usual ones."""
        now = payloads.stamp(self.clock())
        conversation = leg.conversation.uuid
        fields = {"uuid": leg.uuid, "conversation_uuid": conversation, "timestamp": now, **fields}
        delivery = WebhookDelivery("event", *leg.root.target, fields, leg.uuid, skips_chaos=True)
        self.deliveries.send(delivery, leg)
        await self.scheduler.advance(lambda: delivery.is_over)

    def forget_ended(self, keep: int) -> None:
        """Keep the last `keep`; the others go with their webhooks and conversations."""
        over = [uuid for uuid, leg in self.legs.items() if leg.is_over]
        for uuid in over[: max(len(over) - keep, 0)]:
            del self.legs[uuid]
        kept = {leg.conversation.uuid for leg in self.legs.values()}
        self.conversations = {uuid: each for uuid, each in self.conversations.items() if each.legs or uuid in kept}
        self.deliveries.log = [each for each in self.deliveries.log if each.leg in self.legs or not each.is_over]

    @property
    def log(self) -> tuple[WebhookDelivery, ...]:
        return tuple(self.deliveries.log)

    async def call(
        self,
        to: str,
        from_: str | None = None,
        *,
        endpoint_type: str = "phone",
        from_user: str = "",
        sip_headers: Mapping[str, str] | None = None,
        custom_data: Any = None,
        uuid: str = "",
    ) -> Leg:
        """Return an inbound call once it has been answered or has ended.

        `from_` is a number or SIP URI, or None for a Client SDK user, whose name is `from_user`. `endpoint_type` is
        phone, sip, app or vbc. `sip_headers` are under their own names, e.g. `X-Tenant` or `User-to-User`.
        """
        identity = Identity(
            uuid or next(self.ids).hex, "inbound", endpoint_type, to, from_, from_user, sip_headers or {}, custom_data
        )
        leg = self.call_in(identity)
        await self.scheduler.advance(lambda: leg.is_answered or leg.is_over)
        return leg

    def call_in(self, identity: Identity) -> Leg:
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        leg = self.new_leg(identity, conversation, self.event_target)
        self.own_conversation(leg, conversation)
        self.begin(leg, self._answer(leg))
        return leg

    def place(self, call: OutboundCall) -> Leg:
        """Nothing happens until virtual time advances."""
        endpoint = call.action["endpoint"][0]
        from_ = call.action.get("from") or next(iter(self.application.numbers), RANDOM_NUMBER)
        headers = endpoint.get("headers") or {}
        identity = Identity(
            next(self.ids).hex, "outbound", endpoint["type"], address_of(endpoint), from_, headers=headers
        )
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        leg = self.new_leg(identity, conversation, call.event)
        self.own_conversation(leg, conversation)
        self.begin(leg, run(self, leg, call))
        return leg

    def uncalled(self, to: str) -> Leg:
        """A leg that is over, without any webhook, for a caller who expects a call that nobody placed."""
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        leg = self.new_leg(Identity(next(self.ids).hex, "outbound", "phone", to, None), conversation, self.event_target)
        leg.ended_ms = self.clock.ms
        leg.over.fire()
        return leg

    def _answer(self, leg: Leg) -> Routine[None]:
        """Without an NCCO, even from the fallback, the call ends. Source: webhook reference, Answer."""
        own = self.application
        self.send_status(leg, "started")
        self.send_status(leg, "ringing")
        is_announced = own.assumes.inbound_answered == "before"
        if is_announced:
            self.send_status(leg, "answered")
        fields = payloads.answer(leg, own.region_url)
        ncco = yield from replacement(self.ask("answer", (own.answer_url, own.answer_method), fields, leg))
        if ncco is not None:
            leg.answered_ms = self.clock.ms
            leg.picked_up.fire()
            if not is_announced:
                self.send_status(leg, "answered")
            yield from self.play(leg, ncco)
        self.end(leg, "platform")

    async def run(self, seconds: float | None = None) -> None:
        """Without `seconds`, until no event is left, but at most a day."""
        until_ms = None if seconds is None else self.clock.ms + in_ms(seconds)
        await self.scheduler.advance(lambda: False, until_ms, self.clock.ms + LONGEST_CALL_MS)
