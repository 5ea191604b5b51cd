"""The simulated platform: places calls, ends legs, and keeps the state that calls share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from app.ncco.statuses import STATUSES
from app.simulator import payloads
from app.simulator.conversations import NO_SETTINGS, SimulatedConversation
from app.simulator.delivery import Application, Chaos, Deliveries, ReplyResult, WebhookDelivery, replacement
from app.simulator.durations import Durations
from app.simulator.legs import EndedBy, Identity, Leg, Ncco, Target, ids_of
from app.simulator.outbound import OutboundCall, run
from app.simulator.parties import Parties, address_of
from app.simulator.player import Playback
from app.simulator.scheduler import LONGEST_MS, Process, Scheduler, Steps, VirtualClock, milliseconds
from app.simulator.servers import Server, ask_in_time

COMPLETED_AFTER: Final = frozenset({"busy", "cancelled", "timeout"})
"""The failures of a dial that `completed` follows. It does not follow declined calls. Unverified in detail."""

RANDOM_NUMBER: Final = "442079460999"
"""The number for `randomFromNumber` if the application's numbers are not known. It is reserved for fiction."""


class Vonage:
    """The simulated platform: its clock, conversations, IDs and deliveries.

    Virtual time only advances while a method of this class or of its legs is awaited, so runs are reproducible. Await
    one method at a time.

    Args:
        application: the URLs of the server, and how webhooks are signed.
        server: `AsgiServer` or `HttpServer`.
        clock: the clock, which the server under test should use too, if it can.
        parties: what called parties do; by default, all of them answer after 4 seconds and talk for 30.
        durations: how long speech and audio last.
        chaos: random network faults; None for no faults.
        seed: determines the IDs, so they are the same in every run.
        scheduler: how time passes; None for as fast as possible.
    """

    def __init__(
        self,
        application: Application,
        server: Server,
        clock: VirtualClock,
        parties: Parties | None = None,
        *,
        durations: Durations | None = None,
        chaos: Chaos | None = None,
        seed: str = "",
        scheduler: Scheduler | None = None,
    ) -> None:
        self.application = application
        self.clock = clock
        self.parties = Parties() if parties is None else parties
        self.durations = durations or Durations()
        self.ids = ids_of(seed)
        self.scheduler = scheduler or Scheduler(clock, partial(ask_in_time, server))
        self.deliveries = Deliveries(self.scheduler, server, application, ids_of(f"tokens of {seed}"), chaos)
        self.legs: dict[str, Leg] = {}
        self.conversations: dict[str, SimulatedConversation] = {}
        self.named: dict[str, SimulatedConversation] = {}

    def own_conversation(self, leg: Leg, conversation: SimulatedConversation) -> None:
        """Put a leg into a conversation that the leg's own NCCO controls."""
        conversation.controller = leg
        self.conversations.setdefault(conversation.uuid, conversation)
        conversation.join(leg)

    def conversation_named(self, name: str) -> SimulatedConversation:
        """Get the conversation with this name, or create it.

        Source: NCCO reference, Conversation: within an application, the same name means the same conversation.
        """
        conversation = self.named.get(name)
        if conversation is None or conversation.over.is_fired:
            conversation = self.named[name] = SimulatedConversation(
                conversation.uuid if conversation is not None else f"CON-{next(self.ids)}", name
            )
            self.conversations[conversation.uuid] = conversation
        return conversation

    @property
    def event_target(self) -> Target:
        """The URL and method for webhooks that have no URL of their own."""
        return self.application.event_url, self.application.event_method

    def target(self, action: Mapping[str, Any], leg: Leg) -> Target:
        """The URL and method for the webhooks of a leg's action.

        Source: webhooks guide, precedence: that of the action, else that of the request for the call, else the
        application's.
        """
        written = action.get("eventUrl")
        if not written:
            return leg.root.target
        url = written if isinstance(written, str) else written[0]
        return url, "GET" if str(action.get("eventMethod", "POST")).upper() == "GET" else "POST"

    def new_file(self) -> str:
        """A URL for a recording or transcription. The file and the host do not exist (RFC 2606)."""
        return f"https://files.invalid/v1/files/{next(self.ids)}"

    def send(self, kind: str, target: Target, fields: Mapping[str, Any], leg: Leg) -> None:
        """Send a webhook whose reply does not matter."""
        self.deliveries.send(WebhookDelivery(kind, *target, fields, leg))

    def send_status(self, leg: Leg, name: str, **extra: Any) -> None:
        """Send a leg's status event."""
        if STATUSES[name].in_rest:
            leg.status = name
        self.send("event", leg.target, payloads.status(leg, name, **extra), leg)

    def ask(self, kind: str, target: Target, fields: Mapping[str, Any], leg: Leg) -> Process[ReplyResult]:
        """Send a webhook whose reply is played."""
        is_answer = kind in ("answer", "onanswer")
        return self.deliveries.ask(WebhookDelivery(kind, *target, fields, leg, is_played=True, is_answer=is_answer))

    def play(self, leg: Leg, ncco: Ncco) -> Steps[None]:
        """Play an NCCO for a leg."""
        return Playback(self, leg).play(ncco)

    def end(self, leg: Leg, by: EndedBy) -> None:
        """End a leg, its NCCO, its recordings, and the legs that it has dialled.

        Source: webhook reference, completed. It is unverified that the called party's leg ends with the caller's.
        """
        if leg.over.is_fired:
            return
        leg.ended_ms = self.clock.ms
        leg.ended_by = by
        leg.stop_waiting()
        leg.note("hung up" if by == "user" else "ended")
        for recording in leg.recordings:
            recording.end()
        for process in leg.processes:
            process.cancel()
        self.leave(leg)
        self._end_dialled(leg)
        leg.over.fire()
        if leg.is_answered or by == "platform":  # unverified for a leg that was not answered
            leg.status = "completed"
            self.send("event", leg.target, payloads.completed(leg), leg)
        else:
            self.send_status(leg, "cancelled")
            self.complete_after(leg, "cancelled")

    def _end_dialled(self, leg: Leg) -> None:
        for other in leg.dialled:
            if not other.is_answered:
                self.give_up(other)
            elif not other.is_transferred:
                self.end(other, "platform")

    def hang_up(self, leg: Leg) -> None:
        """End a leg as the REST API does. It is unverified that a ringing leg becomes `cancelled`."""
        if leg.is_answered or leg.identity.direction == "inbound":
            self.end(leg, "platform")
        else:
            if leg.player is not None:
                leg.player.cancel()
            self.give_up(leg)

    def give_up(self, leg: Leg, status: str = "cancelled", **extra: Any) -> None:
        """End a dialled leg that was not answered. Source: webhook reference, Call status events."""
        if leg.over.is_fired:
            return
        leg.ended_ms = self.clock.ms
        leg.ended_by = "platform"
        leg.over.fire()
        self.send_status(leg, status, **extra)
        self.complete_after(leg, status)

    def complete_after(self, leg: Leg, status: str) -> None:
        """Send the `completed` event that follows some failures. Source: support article 360057200092."""
        if status in COMPLETED_AFTER:
            self.send("event", leg.target, payloads.completed(leg), leg)

    def leave(self, leg: Leg) -> None:
        """Remove a leg from its conversation, and end what depends on the leg.

        A named conversation ends for everyone when its last leg, or a leg with `endOnExit`, leaves. A call's
        conversation ends when the leg that controls it with its NCCO leaves (unverified). Source: NCCO reference,
        Conversation (endOnExit).
        """
        conversation = leg.conversation
        if leg not in conversation.legs:
            return
        conversation.leave(leg)
        for listener in conversation.legs:
            listener.note("left", leg.name)
        if conversation.name and (leg in conversation.moderators or not conversation.legs):
            self.close(conversation)
        elif leg is conversation.controller:
            self._end_guests(conversation)

    def move(self, leg: Leg, conversation: SimulatedConversation, action: Mapping[str, Any] = NO_SETTINGS) -> None:
        """Move a leg into a conversation.

        The transfer webhook is also sent when a conversation action moves a leg. Source: webhook reference, Transfer.
        """
        left = leg.conversation.uuid
        self.leave(leg)
        for listener in conversation.legs:
            listener.note("joined", leg.name)
        conversation.join(leg, action)
        if left != conversation.uuid:
            self.send("transfer", leg.root.target, payloads.transfer(leg, left), leg)

    def replace(self, leg: Leg, ncco: Ncco | Target) -> None:
        """Let a leg play another NCCO, in a new conversation. If `ncco` is a target, the NCCO is requested there first.

        The legs that this leg has dialled end. Source: Voice API specification, transfer; webhook reference, Transfer.
        What happens to the other parties is unverified.
        """
        if leg.player is not None:
            leg.player.cancel()
        self._end_dialled(leg)
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        self.conversations[conversation.uuid] = conversation
        self.move(leg, conversation)
        conversation.controller = leg
        self.begin(leg, self.play_to_the_end(leg, ncco))

    def begin(self, leg: Leg, steps: Steps[None]) -> None:
        """Start a process that plays a leg's NCCOs. It ends with the leg."""
        leg.player = self.scheduler.spawn(steps)
        leg.processes.append(leg.player)

    def play_to_the_end(self, leg: Leg, ncco: Ncco | Target) -> Steps[None]:
        """Play an NCCO, or the one that a target replies with, then end the leg."""
        found: Ncco | None
        if isinstance(ncco, tuple):
            fields = payloads.answer(leg)
            found = yield from replacement(self.ask("answer", ncco, fields, leg))
        else:
            found = ncco
        yield from self.play(leg, found or [])
        self.end(leg, "platform")

    def close(self, conversation: SimulatedConversation) -> None:
        """Close a named conversation: its recordings end, and each leg continues with its own NCCO."""
        for recording in conversation.recordings:
            recording.end()
        conversation.over.fire()
        self._end_guests(conversation)

    def _end_guests(self, conversation: SimulatedConversation) -> None:
        """End the legs that were moved into a conversation and have no NCCO of their own to continue with."""
        for guest in [leg for leg in conversation.legs if leg.player is None or leg.player.is_over]:
            self.end(guest, "platform")

    async def send_event(self, leg: Leg, fields: Mapping[str, Any]) -> None:
        """Send an event about a leg. `fields` override the usual fields."""
        now = payloads.stamp(self.clock())
        conversation = leg.conversation.uuid
        fields = {"uuid": leg.uuid, "conversation_uuid": conversation, "timestamp": now, **fields}
        delivery = WebhookDelivery("event", *leg.root.target, fields, leg, skips_chaos=True)
        self.deliveries.send(delivery)
        await self.scheduler.advance(lambda: delivery.is_over)

    def forget_ended(self, keep: int) -> None:
        """Forget the legs that have ended, except the last `keep`, with their webhooks and conversations."""
        over = [uuid for uuid, leg in self.legs.items() if leg.is_over]
        for uuid in over[: max(len(over) - keep, 0)]:
            del self.legs[uuid]
        kept = {leg.conversation.uuid for leg in self.legs.values()}
        self.conversations = {uuid: each for uuid, each in self.conversations.items() if each.legs or uuid in kept}
        self.deliveries.log = [each for each in self.deliveries.log if each.leg.uuid in self.legs or not each.is_over]

    @property
    def log(self) -> tuple[WebhookDelivery, ...]:
        """All webhooks so far, in the order in which they were due."""
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
    ) -> Leg:
        """Place an inbound call; returns once it has been answered or has ended.

        Args:
            to: the called number.
            from_: the calling number or SIP URI; None for a Client SDK user.
            from_user: the name of the Client SDK user.
            endpoint_type: phone, sip, app or vbc.
            sip_headers: SIP headers under their own names, e.g. `X-Tenant` or `User-to-User`.
            custom_data: data that a Client SDK application sends.
        """
        identity = Identity(
            next(self.ids).hex, "inbound", endpoint_type, to, from_, from_user, sip_headers or {}, custom_data
        )
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        leg = Leg(identity, self, conversation, self.event_target)
        self.own_conversation(leg, conversation)
        self.begin(leg, self._answer(leg))
        await self.scheduler.advance(lambda: leg.is_answered or leg.is_over)
        return leg

    def place(self, call: OutboundCall) -> Leg:
        """Place an outbound call, as the REST API does. Nothing happens until virtual time advances."""
        endpoint = call.action["endpoint"][0]
        from_ = call.action.get("from") or next(iter(self.application.numbers), RANDOM_NUMBER)
        headers = endpoint.get("headers") or {}
        identity = Identity(
            next(self.ids).hex, "outbound", endpoint["type"], address_of(endpoint), from_, headers=headers
        )
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        leg = Leg(identity, self, conversation, call.event)
        self.own_conversation(leg, conversation)
        self.begin(leg, run(leg, call))
        return leg

    def _answer(self, leg: Leg) -> Steps[None]:
        """Request the first NCCO and play it.

        Source: webhook reference, Answer: a valid reply answers the call; if the fallback returns no NCCO either, the
        call ends.
        """
        own = self.application
        self.send_status(leg, "started")
        self.send_status(leg, "ringing")
        fields = payloads.answer(leg)
        ncco = yield from replacement(self.ask("answer", (own.answer_url, own.answer_method), fields, leg))
        if ncco is not None:
            leg.answered_ms = self.clock.ms
            self.send_status(leg, "answered")
            yield from self.play(leg, ncco)
        self.end(leg, "platform")

    async def run(self, seconds: float | None = None) -> None:
        """Advance virtual time by `seconds`. Without `seconds`, advance until no event is left, but at most a day.

        After a call, this delivers late webhooks, such as those of recordings.
        """
        until_ms = None if seconds is None else self.clock.ms + milliseconds(seconds)
        await self.scheduler.advance(lambda: False, until_ms, self.clock.ms + LONGEST_MS)
