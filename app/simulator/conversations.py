"""Conversations: what legs are joined in, who hears whom, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from app.simulator import payloads
from app.simulator.legs import Action, Kind, Leg
from app.simulator.scheduler import Signal, Steps, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio settings of a leg in a conversation. Source: NCCO reference, Conversation (canSpeak, canHear, mute).

    Attributes:
        can_speak: uuids of legs that hear this one; None: everyone.
        can_hear: uuids of legs that this one hears; None: everyone.
        is_muted: whether no other leg hears it.
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


@dataclass(eq=False, slots=True)
class Sound:
    """Something that is being played to a conversation.

    Attributes:
        kind, text, seconds, action: as in `Heard`.
        hearers: who hears it, each with the number of the entry in its transcript.
    """

    conversation: SimulatedConversation
    kind: Kind
    text: str
    seconds: float | None
    action: Action | None
    hearers: dict[Leg, int] = field(default_factory=dict)

    def reach(self, leg: Leg) -> None:
        """Let a leg hear it from now on."""
        self.hearers[leg] = leg.hears(self.kind, self.text, self.seconds, self.action)

    def leave(self, leg: Leg) -> None:
        """A leg hears it no more."""
        if leg in self.hearers:
            leg.cut(self.hearers.pop(leg))

    def stop(self) -> None:
        """Cut it for all who still hear it, or note that it has ended; a leg that joins now does not hear it."""
        if self in self.conversation.sounds:
            self.conversation.sounds.remove(self)
        for leg in tuple(self.hearers):
            self.leave(leg)


class SimulatedConversation:
    """One conversation.

    Attributes:
        uuid: its conversation_uuid.
        name: of a named conversation; "" for that of a call.
        legs: who is in it, with the audio settings of each, in the order of joining.
        started: a named conversation has begun: its parties hear each other.
        controller: the leg whose NCCO is played in it; None for a named one.
        moderators: legs that end it when they leave.
        over: a named conversation has ended for everyone in it.
        sounds: what is being played.
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
        self.sounds: list[Sound] = []

    def join(self, leg: Leg, audio: Audio | None = None) -> None:
        """A leg joins; it hears what is being played."""
        self.legs[leg] = audio or Audio()
        leg.conversation = self
        for sound in self.sounds:
            sound.reach(leg)

    def leave(self, leg: Leg) -> None:
        """A leg leaves; nothing happens if it is not in the conversation."""
        if self.legs.pop(leg, None) is not None:
            for sound in self.sounds:
                sound.leave(leg)

    def play(self, kind: Kind, text: str, seconds: float | None, action: Action | None = None) -> Sound:
        """Play something to everyone in the conversation. Source: NCCO reference, Talk (to a Conversation)."""
        sound = Sound(self, kind, text, seconds, action)
        for leg in self.legs:
            sound.reach(leg)
        self.sounds.append(sound)
        return sound

    def carry(self, speaker: Leg, text: str, seconds: float) -> None:
        """Let the legs that may hear the speaker hear it; none does before a named conversation has started."""
        if self.name and not self.started.is_fired:
            return
        for listener in self.legs:
            if listener is not speaker and self.hears(listener, speaker):
                listener.hears("voice", text, seconds)

    def hears(self, listener: Leg, speaker: Leg) -> bool:
        """Whether one leg hears another: both sides must allow it."""
        speaks, hears = self.legs[speaker], self.legs[listener]
        if speaks.is_muted:
            return False
        allowed = speaks.can_speak is None or listener.uuid in speaks.can_speak
        return allowed and (hears.can_hear is None or speaker.uuid in hears.can_hear)


BYTES_A_SECOND: Final = {"mp3": 4000, "ogg": 4000, "wav": 32000}
"""mp3 of 32 kbit/s. Source: recording guide of 2022; of the others our estimate."""


class Recording:
    """Something that is being recorded.

    Args:
        leg: for whose call.
        action: the record or conversation action that asked for it.
    """

    def __init__(self, platform: Vonage, leg: Leg, action: Mapping[str, Any]) -> None:
        self._platform = platform
        self._leg = leg
        self._conversation = leg.conversation
        self._action = action
        self._uuid = platform.ids.dashed()
        self._begun = platform.clock.now
        self.is_over = False

    def end(self) -> None:
        """It ends now, and its webhook follows after a while; a second time changes nothing.

        Source: webhook reference, Record and Transcription.
        """
        if not self.is_over:
            self.is_over = True
            self._platform.scheduler.spawn(self._report(self._platform.clock.now))

    def _report(self, ended: datetime) -> Steps[None]:
        platform, action = self._platform, self._action
        yield from pause(platform.application.recording_s)
        seconds = (ended - self._begun).total_seconds()
        url = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
        size = int(seconds * BYTES_A_SECOND[self._format()])
        fields = payloads.record(
            (url, self._uuid), (self._begun, ended), size, self._conversation.uuid, platform.clock.now
        )
        platform.send("record", fields, self._leg, action)
        if action.get("transcription") is not None:
            yield from pause(platform.application.transcription_s)
            url = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
            target = {**action, **action["transcription"]}
            fields = payloads.transcription(self._uuid, url, self._conversation.uuid)
            platform.send("transcription", fields, self._leg, target)

    def _format(self) -> str:
        """Source: NCCO reference, Record (format): wav is the default for more than two channels."""
        written = self._action.get("format")
        return str(written) if written else "wav" if int(self._action.get("channels") or 1) > 2 else "mp3"
