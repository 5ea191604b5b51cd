"""What all calls of one virtual platform share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.simulator import payloads
from app.simulator.application import Application
from app.simulator.chaos import Chaos
from app.simulator.clock import VirtualClock
from app.simulator.courier import Courier, Message, deliver
from app.simulator.durations import Durations
from app.simulator.ids import Ids
from app.simulator.kernel import Kernel, Steps, first_of
from app.simulator.leg import EndedBy, Identity, Leg
from app.simulator.parties import Parties
from app.simulator.replies import Verdict
from app.simulator.requests import Method, Server
from app.simulator.room import Room
from app.simulator.transcript import Heard


class Platform:
    """Clock, conversations, ids and deliveries of one simulation; ends legs."""

    def __init__(
        self,
        application: Application,
        server: Server,
        clock: VirtualClock,
        *,
        parties: Parties,
        durations: Durations,
        chaos: Chaos | None,
        seed: str,
    ) -> None:
        self.application = application
        self.clock = clock
        self.parties = parties
        self.durations = durations
        self.ids = Ids(seed)
        self.kernel = Kernel(clock, lambda request: deliver(server, request))
        self.courier = Courier(self.kernel, server, application, Ids(f"tokens of {seed}"), chaos)
        self.rooms: dict[str, Room] = {}
        self.named: dict[str, Room] = {}

    def own_room(self, leg: Leg, room: Room) -> None:
        """Put a leg into a conversation that its own NCCO controls."""
        room.controller = leg
        self.rooms.setdefault(room.uuid, room)
        room.join(leg)

    def room_named(self, name: str) -> Room:
        """The conversation of a name; it is made when there is none.

        Source: NCCO reference, Conversation: the same name is the same conversation, within an application.
        """
        room = self.named.get(name)
        if room is None or room.over.is_fired:
            room = self.named[name] = Room(room.uuid if room is not None else self.ids.conversation(), name)
            self.rooms[room.uuid] = room
        return room

    def new_leg(self, identity: Identity, room: Room, action: Mapping[str, Any], root: Leg | None = None) -> Leg:
        """A leg that is about to ring; its states go where `action` says, else to the application's event URL."""
        url, method = self.target(action)
        return Leg(identity, self.clock, room, event_url=url, event_method=method, root=root)

    def target(self, action: Mapping[str, Any]) -> tuple[str, Method]:
        """Where webhooks of an action go. Source: webhooks guide, precedence: the most specific URL wins."""
        written = action.get("eventUrl")
        if not written:
            return self.application.event_url, self.application.event_method
        url = written if isinstance(written, str) else written[0]
        return url, "GET" if str(action.get("eventMethod", "POST")).upper() == "GET" else "POST"

    def tell(self, kind: str, fields: Mapping[str, Any], leg: Leg, action: Mapping[str, Any] | None = None) -> None:
        """Send a webhook that nobody waits for; to the application's event URL without an action."""
        url, method = self.target(action or {})
        self.courier.tell(Message(kind, url, method, fields, leg.root.uuid))

    def tell_status(self, leg: Leg, name: str, **extra: Any) -> None:
        """Send a state of a leg to where its states go."""
        fields = payloads.status(leg, name, self.clock.now, **extra)
        self.courier.tell(Message("event", leg.event_url, leg.event_method, fields, leg.root.uuid))

    def ask(self, kind: str, url: str, method: Method, fields: Mapping[str, Any], leg: Leg) -> Steps[Verdict]:
        """Send a webhook and wait for what is played because of it."""
        is_answer = kind in ("answer", "onanswer")
        call, room = leg.root.uuid, leg.room.uuid
        message = Message(kind, url, method, fields, call, is_played=True, is_answer=is_answer, conversation=room)
        process = self.courier.ask(message)
        yield from first_of(process.done)
        return process.result or Verdict()

    def end(self, leg: Leg, by: EndedBy) -> None:
        """A leg ends, and with it what belongs to it: its NCCO, recordings, the legs that it has dialled.

        Source: webhook reference, completed; that the callee's leg ends with the caller's is unverified.
        """
        if leg.over.is_fired:
            return
        leg.ended_ms, leg.ended_by = self.clock.ms, by
        leg.wait_no_more()
        leg.hears(Heard(0, "", "hung up" if by == "user" else "ended"))
        for recording in leg.recordings:
            recording.end()
        for process in leg.processes:
            process.cancel()
        self.leave(leg)
        for other in leg.dependents:
            if not other.is_answered:
                self.give_up(other)
            elif not other.is_guest:
                self.end(other, "platform")
        leg.over.fire()
        if leg.is_answered or by == "platform":  # the latter without an answer is unverified
            self._tell_completed(leg)
        else:
            self.tell_status(leg, "cancelled")
            self.complete_after(leg, "cancelled")

    def give_up(self, leg: Leg, status: str = "cancelled", **extra: Any) -> None:
        """A dial ends without an answer. Source: webhook reference, Call status events."""
        if leg.over.is_fired:
            return
        leg.ended_ms, leg.ended_by = self.clock.ms, "platform"
        leg.over.fire()
        self.tell_status(leg, status, **extra)
        self.complete_after(leg, status)

    def complete_after(self, leg: Leg, status: str) -> None:
        """The `completed` that follows some failures. Source: support article 360057200092."""
        if status in self.application.completed_after:
            self._tell_completed(leg)

    def leave(self, leg: Leg) -> None:
        """A leg leaves its conversation, and what depended on it ends.

        A named conversation ends for everyone when a moderator leaves that says so, or the last one; in that of a call
        nobody stays without the leg whose NCCO it plays (unverified).
        Source: NCCO reference, Conversation (endOnExit).
        """
        room = leg.room
        if leg not in room.legs:
            return
        room.leave(leg)
        for listener in room.legs:
            listener.hears(Heard(0, "", "left", leg.name))
        if room.name and (leg in room.moderators or not room.legs):
            self.close(room)
        elif leg is room.controller:
            self._end_guests(room)

    def close(self, room: Room) -> None:
        """A named conversation is over: recordings end, and whoever is in it goes on with its own NCCO."""
        for recording in room.recordings:
            recording.end()
        room.over.fire()
        self._end_guests(room)

    def _end_guests(self, room: Room) -> None:
        """End the legs that have been moved here and have no NCCO of their own to go on with."""
        for guest in [leg for leg in room.legs if leg.player is None or leg.player.is_over]:
            self.end(guest, "platform")

    def _tell_completed(self, leg: Leg) -> None:
        fields = payloads.completed(leg, self.clock.now)
        self.courier.tell(Message("event", leg.event_url, leg.event_method, fields, leg.root.uuid))
