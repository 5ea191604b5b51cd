"""Ends, moves and reports legs, and keeps the state that calls share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ncco_server.ncco.durations import Durations
from ncco_server.ncco.statuses import STATUSES
from ncco_studio.simulator import payloads
from ncco_studio.simulator.assumptions import Assumptions
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.deliveries import Deliveries, replacement
from ncco_studio.simulator.delivery import Application, Chaos, ReplyResult, WebhookDelivery
from ncco_studio.simulator.legs import NO_SETTINGS, EndedBy, Identity, Leg, Recording, SimulatedConversation, ids_of
from ncco_studio.simulator.parties import Parties
from ncco_studio.simulator.scheduler import Process, Routine, Scheduler, pause
from ncco_studio.simulator.servers import Server, Target, ask_in_time
from ncco_studio.simulator.transcript import Action, AwaitedInput, Ncco

ALONE_S: Final = 60.0
"""A called party stays on the line alone for this long. Our estimate."""
RECORDING_S: Final = 0.64
TRANSCRIPTION_S: Final = 10.0
"""From the end of a recording to its webhook, and from that to the transcript. Our estimates."""
BYTES_A_SECOND: Final = {"mp3": 4000, "ogg": 4000, "wav": 32000}
"""For mp3, 32 kbit/s. Source: recording guide of 2022. The rest are our estimates."""


class CallControl(ABC):
    """Its arguments are those of `Vonage`."""

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

    def configure(self, application: Application) -> None:
        """Also change calls in progress."""
        self.application = self.deliveries.application = application

    def new_leg(
        self, identity: Identity, conversation: SimulatedConversation, target: Target, root: Leg | None = None
    ) -> Leg:
        leg = Leg(
            identity, conversation, target, root=root, scheduler=self.scheduler, durations=self.durations, end=self.end
        )
        self.legs[leg.uuid] = leg
        return leg

    def own_conversation(self, leg: Leg, conversation: SimulatedConversation) -> None:
        conversation.controller = leg
        self.conversations.setdefault(conversation.uuid, conversation)
        conversation.join(leg)

    def conversation_named(self, name: str) -> SimulatedConversation:
        """The name is unique within an application. Source: NCCO reference, Conversation."""
        conversation = self.named.get(name)
        if conversation is None or conversation.over.is_fired:
            conversation = self.named[name] = SimulatedConversation(
                conversation.uuid if conversation is not None else f"CON-{next(self.ids)}", name
            )
            self.conversations[conversation.uuid] = conversation
        return conversation

    @property
    def event_target(self) -> Target:
        return self.application.event_url, self.application.event_method

    def target(self, action: Mapping[str, Any], leg: Leg) -> Target:
        """The URL of the action precedes that of the call, and that precedes the application's.

        Source: webhooks guide, precedence.
        """
        written = action.get("eventUrl")
        if not written:
            return leg.root.target
        url = written if isinstance(written, str) else written[0]
        return url, "GET" if str(action.get("eventMethod", "POST")).upper() == "GET" else "POST"

    def new_file(self) -> str:
        """Neither file nor host exists (RFC 2606)."""
        return f"https://files.invalid/v1/files/{next(self.ids)}"

    def send(self, kind: str, target: Target, fields: Mapping[str, Any], leg: Leg) -> None:
        self.deliveries.send(WebhookDelivery(kind, *target, fields, leg.uuid), leg)

    def send_status(self, leg: Leg, name: str, **extra: Any) -> None:
        if STATUSES[name].in_rest:
            leg.status = name
        self.send("event", leg.target, payloads.status(leg, name, **extra), leg)

    def ask(self, kind: str, target: Target, fields: Mapping[str, Any], leg: Leg) -> Process[ReplyResult]:
        is_answer = kind in ("answer", "onanswer")
        delivery = WebhookDelivery(kind, *target, fields, leg.uuid, is_played=True, is_answer=is_answer)
        return self.deliveries.ask(delivery, leg)

    def end(self, leg: Leg, by: EndedBy) -> None:
        """Its NCCO, its recordings and the legs that it has dialled end too. Do nothing the second time.

        Source: webhook reference, completed.
        """
        if leg.over.is_fired:
            return
        leg.ended_ms = self.clock.ms
        leg.ended_by = by
        leg.stop_waiting()
        leg.note("hung up" if by == "user" else "ended")
        for recording in leg.recordings:
            self.end_recording(recording)
        for process in leg.processes:
            process.cancel()
        self.leave(leg)
        self._end_dialled(leg, with_answered=self.assumes.caller_hangs_up == "ends_both")
        leg.over.fire()
        if leg.is_answered or by == "platform":  # unverified for a leg that was not answered
            leg.status = "completed"
            self.send("event", leg.target, payloads.completed(leg), leg)
        else:
            self.send_status(leg, "cancelled")
            self.complete_after(leg, "cancelled")

    def _end_dialled(self, leg: Leg, *, with_answered: bool = True) -> None:
        for other in leg.dialled:
            if not other.is_answered:
                self.give_up(other)
            elif other.is_transferred:
                continue
            elif with_answered:
                self.end(other, "platform")
            else:
                self.scheduler.spawn(self._end_soon(other))

    def _end_soon(self, leg: Leg) -> Routine[None]:
        yield from pause(ALONE_S)
        self.end(leg, "user")

    @property
    def assumes(self) -> Assumptions:
        return self.application.assumes

    def hang_up(self, leg: Leg) -> None:
        """End a leg as the REST API does."""
        if leg.is_answered or leg.identity.direction == "inbound":
            self.end(leg, "platform")
        else:
            if leg.player is not None:
                leg.player.cancel()
            self.give_up(leg, self.assumes.hung_up_ringing)

    def give_up(self, leg: Leg, status: str = "cancelled", **extra: Any) -> None:
        """End a dialled leg that was not answered. Source: webhook reference, Call status events."""
        if leg.over.is_fired:
            return
        leg.ended_ms = self.clock.ms
        leg.ended_by = "platform"
        leg.over.fire()
        if status == "completed":
            leg.status = status
            self.send("event", leg.target, payloads.completed(leg), leg)
        else:
            self.send_status(leg, status, **extra)
            self.complete_after(leg, status)

    def complete_after(self, leg: Leg, status: str) -> None:
        """Source: support article 360057200092."""
        assumed = {"timeout": self.assumes.completed_after_timeout, "cancelled": self.assumes.completed_after_cancelled}
        if status == "busy" or assumed.get(status) == "sent":
            self.send("event", leg.target, payloads.completed(leg), leg)

    def leave(self, leg: Leg) -> None:
        """Remove a leg from its conversation, and end what depends on it.

        A named conversation ends for everyone when its last leg, or one with `endOnExit`, leaves. A call's conversation
        ends when the leg that controls it with its NCCO leaves (unverified). Source: NCCO reference, Conversation
        (endOnExit).
        """
        conversation = leg.conversation
        if leg not in conversation.legs:
            return
        conversation.leave(leg)
        for listener in conversation.legs:
            listener.note("left", leg.name)
        if conversation.name and (leg in conversation.moderators or not conversation.legs):
            self.close(conversation)
        elif leg is conversation.controller and self.assumes.caller_hangs_up == "ends_both":
            self._end_guests(conversation)

    def move(self, leg: Leg, conversation: SimulatedConversation, action: Mapping[str, Any] = NO_SETTINGS) -> None:
        """Source: webhook reference, Transfer."""
        left = leg.conversation.uuid
        self.leave(leg)
        for listener in conversation.legs:
            listener.note("joined", leg.name)
        conversation.join(leg, action)
        sent = self.assumes.conversation_event if action.get("action") == "conversation" else "sent"
        sent = self.assumes.rest_transfer_event if action is NO_SETTINGS else sent
        if left != conversation.uuid and sent == "sent":
            self.send("transfer", leg.root.target, payloads.transfer(leg, left), leg)

    def replace(self, leg: Leg, ncco: Ncco | Target) -> None:
        """Play another NCCO in a new conversation, and end the legs that this one has dialled.

        If `ncco` is a target, the NCCO is requested there first. What happens to the other parties is unverified.
        Source: Voice API specification, transfer; webhook reference, Transfer.
        """
        waited = leg.open
        if leg.player is not None:
            leg.player.cancel()
        if isinstance(waited, AwaitedInput) and self.assumes.transfer_during_input == "sent":
            nothing = {"dtmf": {"digits": "", "timed_out": False}, "speech": {"results": []}}
            self.send("input", self.target(waited.action, leg), payloads.collected(leg, nothing), leg)
        self.end_recordings_of_replaced(leg)
        self._end_dialled(leg)
        conversation = SimulatedConversation(f"CON-{next(self.ids)}")
        self.conversations[conversation.uuid] = conversation
        self.move(leg, conversation)
        conversation.controller = leg
        self.begin(leg, self.play_to_the_end(leg, ncco))

    def end_recordings_of_replaced(self, leg: Leg) -> None:
        if self.assumes.record_after_replacement == "ends":
            for recording in leg.recordings:
                self.end_recording(recording)

    def begin(self, leg: Leg, routine: Routine[None]) -> None:
        leg.player = self.scheduler.spawn(routine)
        leg.processes.append(leg.player)

    def play_to_the_end(self, leg: Leg, ncco: Ncco | Target, *, is_announced: bool = True) -> Routine[None]:
        """Send `answered` before the NCCO, unless it has been sent."""
        found: Ncco | None
        if isinstance(ncco, tuple):
            fields = payloads.answer(leg, self.application.region_url)
            found = yield from replacement(self.ask("answer", ncco, fields, leg))
        else:
            found = ncco
        if not is_announced:
            self.send_status(leg, "answered")
        yield from self.play(leg, found or [])
        self.end(leg, "platform")

    def close(self, conversation: SimulatedConversation) -> None:
        """Each leg of a named conversation continues with its own NCCO."""
        for recording in conversation.recordings:
            self.end_recording(recording)
        conversation.over.fire()
        self._end_guests(conversation)

    def _end_guests(self, conversation: SimulatedConversation) -> None:
        """Guests are legs without an NCCO to continue with."""
        for guest in [leg for leg in conversation.legs if leg.player is None or leg.player.is_over]:
            self.end(guest, "platform")

    def new_recording(self, leg: Leg, action: Action) -> Recording:
        """The caller must ensure that the leg or its conversation ends the recording."""
        return Recording(str(next(self.ids)), leg, leg.conversation, action, self.clock())

    def end_recording(self, recording: Recording) -> None:
        """Do nothing the second time. Source: webhook reference, Record and Transcription."""
        if recording.ended is None:
            recording.ended = self.clock()
            self.scheduler.spawn(self._report(recording, (recording.ended - recording.begun).total_seconds()))

    def _report(self, recording: Recording, seconds: float) -> Routine[None]:
        leg, action = recording.leg, recording.action
        yield from pause(RECORDING_S)
        size = int(seconds * BYTES_A_SECOND[_format(action)])
        self.send("record", self.target(action, leg), payloads.record(recording, self.new_file(), size), leg)
        if action.get("transcription") is not None:
            yield from pause(TRANSCRIPTION_S)
            target = self.target({**action, **action["transcription"]}, leg)
            self.send("transcription", target, payloads.transcription(recording, self.new_file()), leg)

    @abstractmethod
    def call_in(self, identity: Identity) -> Leg:
        """Begin an incoming call."""

    @abstractmethod
    def play(self, leg: Leg, ncco: Ncco) -> Routine[None]:
        """Play an NCCO for a leg."""


def _format(action: Mapping[str, Any]) -> str:
    """Source: NCCO reference, Record (format)."""
    written = action.get("format")
    return str(written) if written else "wav" if int(action.get("channels") or 1) > 2 else "mp3"
