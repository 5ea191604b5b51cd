"""Conversations: who is in them, who hears whom, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from app.simulator import payloads
from app.simulator.legs import Action, HeardKind, Leg
from app.simulator.scheduler import Signal, Steps, pause

if TYPE_CHECKING:
    from app.simulator.platform import Vonage

RECORDING_S: Final = 0.64
TRANSCRIPTION_S: Final = 10.0
"""Seconds from the end of a recording to its webhook, and from that webhook to the transcript. Our estimates."""
NO_SETTINGS: Final[Mapping[str, Any]] = {}


@dataclass(eq=False, slots=True)
class Sound:
    """A sound that is being played to a conversation.

    Attributes:
        kind, text, seconds, action: as in `Heard`.
        hearers: the legs that hear the sound, each with the index of the entry in its transcript.
    """

    conversation: SimulatedConversation
    kind: HeardKind
    text: str
    seconds: float | None
    action: Action | None
    hearers: dict[Leg, int] = field(default_factory=dict)

    def reach(self, leg: Leg) -> None:
        """Start the sound for a leg."""
        self.hearers[leg] = leg.note(self.kind, self.text, self.seconds, self.action)

    def leave(self, leg: Leg) -> None:
        """Stop the sound for a leg."""
        if leg in self.hearers:
            leg.cut(self.hearers.pop(leg))

    def stop(self) -> None:
        """Stop the sound for every leg. A leg that joins later does not hear it."""
        if self in self.conversation.sounds:
            self.conversation.sounds.remove(self)
        for leg in tuple(self.hearers):
            self.leave(leg)


class SimulatedConversation:
    """One conversation.

    Attributes:
        uuid: its conversation_uuid.
        name: the name of a named conversation; "" for the conversation of a call.
        legs: the legs in the conversation, in the order in which they joined, each with the action that added it.
        started: fires when a named conversation starts and its parties hear each other.
        controller: the leg whose NCCO is played in it; None for a named conversation.
        moderators: the legs that end it when they leave.
        over: fires when a named conversation ends for everyone.
        sounds: the sounds that are being played.
    """

    def __init__(self, uuid: str, name: str = "") -> None:
        self.uuid = uuid
        self.name = name
        self.legs: dict[Leg, Mapping[str, Any]] = {}
        self.over = Signal()
        self.started = Signal()
        self.recordings: list[Recording] = []
        self.controller: Leg | None = None
        self.moderators: set[Leg] = set()
        self.sounds: list[Sound] = []

    def join(self, leg: Leg, action: Mapping[str, Any] = NO_SETTINGS) -> None:
        """Add a leg, which then hears the sounds that are being played."""
        self.legs[leg] = action
        leg.conversation = self
        for sound in self.sounds:
            sound.reach(leg)

    def leave(self, leg: Leg) -> None:
        """Remove a leg, if it is in the conversation."""
        if self.legs.pop(leg, None) is not None:
            for sound in self.sounds:
                sound.leave(leg)

    def play(self, kind: HeardKind, text: str, seconds: float | None, action: Action | None = None) -> Sound:
        """Play something to everybody in the conversation. Source: NCCO reference, Talk (to a Conversation)."""
        sound = Sound(self, kind, text, seconds, action)
        for leg in self.legs:
            sound.reach(leg)
        self.sounds.append(sound)
        return sound

    def relay_speech(self, speaker: Leg, text: str, seconds: float) -> None:
        """Let the legs that can hear the speaker hear the text. Before a named conversation starts, nobody can."""
        if self.name and not self.started.is_fired:
            return
        for listener in self.legs:
            if listener is not speaker and self._hears(listener, speaker):
                listener.note("voice", text, seconds)

    def _hears(self, listener: Leg, speaker: Leg) -> bool:
        """Whether one leg hears another. Both sides must allow it.

        Source: NCCO reference, Conversation (canSpeak, canHear, mute).
        """
        speaks = self.legs[speaker]
        hears = self.legs[listener]
        is_muted = str(speaks.get("mute", "")).lower() == "true" if speaker.is_muted is None else speaker.is_muted
        if is_muted or listener.is_earmuffed:
            return False
        is_allowed = listener.uuid in speaks.get("canSpeak", (listener.uuid,))
        return is_allowed and speaker.uuid in hears.get("canHear", (speaker.uuid,))


BYTES_A_SECOND: Final = {"mp3": 4000, "ogg": 4000, "wav": 32000}
"""Bytes per second of audio. For mp3, this is 32 kbit/s. Source: recording guide of 2022. The rest are our estimates.
"""


class Recording:
    """A recording, in progress or finished.

    Args:
        leg: the recorded leg.
        action: the record or conversation action that started it.

    Attributes:
        begun, ended: when the recording began and ended; `ended` is None while it is in progress.
    """

    def __init__(self, platform: Vonage, leg: Leg, action: Mapping[str, Any]) -> None:
        self._platform = platform
        self._action = action
        self.leg = leg
        self.conversation = leg.conversation
        self.uuid = str(next(platform.ids))
        self.begun = platform.clock()
        self.ended: datetime | None = None

    def end(self) -> None:
        """End the recording now; its webhook follows later. Does nothing if it has ended before.

        Source: webhook reference, Record and Transcription.
        """
        if self.ended is None:
            self.ended = self._platform.clock()
            self._platform.scheduler.spawn(self._report((self.ended - self.begun).total_seconds()))

    def _report(self, seconds: float) -> Steps[None]:
        platform = self._platform
        action = self._action
        yield from pause(RECORDING_S)
        size = int(seconds * BYTES_A_SECOND[self._format()])
        fields = payloads.record(self, platform.new_file(), size)
        platform.send("record", platform.target(action, self.leg), fields, self.leg)
        if action.get("transcription") is not None:
            yield from pause(TRANSCRIPTION_S)
            target = platform.target({**action, **action["transcription"]}, self.leg)
            platform.send("transcription", target, payloads.transcription(self, platform.new_file()), self.leg)

    def _format(self) -> str:
        """The audio format. Source: NCCO reference, Record (format): wav is the default for more than two channels."""
        written = self._action.get("format")
        return str(written) if written else "wav" if int(self._action.get("channels") or 1) > 2 else "mp3"
