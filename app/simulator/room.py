"""Conversations: what legs are joined in, and who hears whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.simulator.kernel import Signal
from app.simulator.transcript import Heard, Kind

if TYPE_CHECKING:
    from app.simulator.leg import Leg
    from app.simulator.recording import Recording


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio settings of a leg in a conversation. Source: NCCO reference, Conversation (canSpeak, canHear, mute).

    Attributes:
        can_speak: uuids of legs that hear this one; None: everyone.
        can_hear: uuids of legs that this one hears; None: everyone.
        is_muted: whether nobody hears it.
    """

    can_speak: frozenset[str] | None = None
    can_hear: frozenset[str] | None = None
    is_muted: bool = False


def audio_of(action: Mapping[str, Any]) -> Audio:
    """The audio settings of a conversation or transfer action."""
    speak, hear = action.get("canSpeak"), action.get("canHear")
    return Audio(
        None if speak is None else frozenset(speak),
        None if hear is None else frozenset(hear),
        str(action.get("mute", "")).lower() == "true",
    )


class Playing:
    """A sound that is being played to a room; `stop` cuts it for whoever still hears it."""

    def __init__(self, room: Room, heard: Heard) -> None:
        self.heard = heard
        self._room = room
        self._entries: list[tuple[Leg, int]] = []
        self.is_over = False

    def reach(self, leg: Leg) -> None:
        """Let a leg hear it from now on."""
        self._entries.append((leg, leg.hears(self.heard)))

    def stop(self) -> None:
        """End it now, or note that it has come to its end."""
        self.is_over = True
        self._room.forget(self)
        for leg, number in self._entries:
            leg.cut(number)

    def leave(self, leg: Leg) -> None:
        """A leg hears it no more."""
        for other, number in self._entries:
            if other is leg:
                leg.cut(number)
        self._entries = [entry for entry in self._entries if entry[0] is not leg]


class Room:
    """One conversation.

    Attributes:
        uuid: its conversation_uuid.
        name: of a named conversation; "" for that of a call.
        legs: who is in it, with the audio settings of each, in the order of joining.
        started: a named conversation has begun: its parties hear each other.
        controller: the leg whose NCCO is played in it; None for a named one.
        moderators: legs that end it when they leave.
        over: a named conversation has ended for everyone in it.
    """

    def __init__(self, uuid: str, name: str = "") -> None:
        self.uuid = uuid
        self.name = name
        self.legs: dict[Leg, Audio] = {}
        self.over = Signal()
        self.recordings: list[Recording] = []
        self.controller: Leg | None = None
        self.moderators: set[Leg] = set()
        self.started = Signal()
        self._playing: list[Playing] = []

    def join(self, leg: Leg, audio: Audio | None = None) -> None:
        """A leg comes in; it hears what is being played."""
        self.legs[leg] = audio or Audio()
        leg.room = self
        for playing in self._playing:
            playing.reach(leg)

    def leave(self, leg: Leg) -> None:
        """A leg goes; nothing happens when it is not here."""
        if self.legs.pop(leg, None) is not None:
            for playing in self._playing:
                playing.leave(leg)

    def play(self, kind: Kind, text: str, seconds: float | None, action: dict[str, Any] | None = None) -> Playing:
        """Play something to everyone in the room. Source: NCCO reference, Talk (to a Conversation)."""
        playing = Playing(self, Heard(0, "", kind, text, seconds, action=action))
        for leg in self.legs:
            playing.reach(leg)
        self._playing.append(playing)
        return playing

    def forget(self, playing: Playing) -> None:
        """It is over; who joins now does not hear it."""
        if playing in self._playing:
            self._playing.remove(playing)

    def carry(self, speaker: Leg, text: str, seconds: float) -> None:
        """Let those hear what somebody says who may. Nobody does before a named conversation has started."""
        if self.name and not self.started.is_fired:
            return
        for listener in self.legs:
            if listener is not speaker and self.hears(listener, speaker):
                listener.hears(Heard(0, "", "voice", text, seconds))

    def hears(self, listener: Leg, speaker: Leg) -> bool:
        """Whether one leg hears another: both sides must allow it."""
        speaks, hears = self.legs[speaker], self.legs[listener]
        if speaks.is_muted:
            return False
        allowed = speaks.can_speak is None or listener.uuid in speaks.can_speak
        return allowed and (hears.can_hear is None or speaker.uuid in hears.can_hear)
