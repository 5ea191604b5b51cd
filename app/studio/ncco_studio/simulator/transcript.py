"""What a party hears and does, and what a call waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

Action: TypeAlias = dict[str, Any]
Ncco: TypeAlias = list[Action]
HeardKind: TypeAlias = Literal[
    "ringing", "talk", "stream", "tone", "music", "beep", "keys", "joined", "left", "voice", "agent", "pressed",
    "spoke", "hung up", "ended",
]  # fmt: skip
"""Tone is a ringback tone, music the hold music before a conversation starts. Keys are DTMF tones for this party,
which itself pressed or spoke; joined, left and voice are other parties, agent one behind a websocket. If the call
ended, the platform hung up.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One entry of a party's transcript.

    Attributes:
        at: seconds since the answer; negative before.
        leg: its uuid.
        text: the spoken text, the URL of a file, a number or keys.
        seconds: planned, or until the cut; None for an endless sound that is still playing.
        is_cut: whether a key, speech or a hang-up interrupted a prompt.
        action: what caused the entry.
    """

    at: float
    leg: str
    kind: HeardKind
    text: str = ""
    seconds: float | None = 0.0
    is_cut: bool = False
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class PressedKey:
    """A digit, * or #."""

    digit: str


@dataclass(frozen=True, slots=True)
class Speech:
    """What a party says. The input begins when the party starts to speak.

    Attributes:
        results: the recognised texts, best first, each with `text` and `confidence`, both strings.
        error: of speech recognition, or "".
    """

    seconds: float
    results: tuple[Mapping[str, str], ...] = ()
    error: str = ""


PartyInput: TypeAlias = PressedKey | Speech


@dataclass(frozen=True, slots=True)
class Waited:
    """What the call waits for: a class for each.

    Attributes:
        takes: for an input, `dtmf`, `speech` or both.
        address: for a dial, the number, user, URI or extension.
        is_for_caller: what the party itself does ends it.
    """

    kind: ClassVar[Literal["input", "record", "dial"]]
    is_for_caller: ClassVar[bool] = True

    action: Mapping[str, Any]
    takes: frozenset[str] = frozenset()
    address: str = ""

    def is_ended_by(self, given: PartyInput) -> bool:
        return False


class AwaitedInput(Waited):
    """Keys or speech, after all prompts."""

    kind = "input"

    def is_ended_by(self, given: PartyInput) -> bool:
        return ("dtmf" if isinstance(given, PressedKey) else "speech") in self.takes


class AwaitedRecording(Waited):
    """Silence or a key."""

    kind = "record"

    def is_ended_by(self, given: PartyInput) -> bool:
        if isinstance(given, PressedKey):
            return bool(given.digit == self.action.get("endOnKey"))
        return any(self.action.get(name) is not None for name in ("endOnSilence", "timeOut"))


class AwaitedDial(Waited):
    """What the dialled party does: see `Leg.decide`."""

    kind = "dial"
    is_for_caller = False


class AwaitedKeys(Waited):
    """Keys for an open websocket."""

    kind = "dial"

    def is_ended_by(self, given: PartyInput) -> bool:
        return isinstance(given, PressedKey)


MomentKind: TypeAlias = Literal["input", "record", "dial", "until", "idle", "end"]


@dataclass(frozen=True, slots=True)
class CallMoment:
    """When and why virtual time stopped in a call.

    Attributes:
        at: seconds since the answer.
        kind: that of `waited`. `until`: the given time is reached. `idle`: nothing happens until somebody acts, or a
            day has passed. `end`: the call is over.
        waited: None for `until`, `idle` and `end`.
    """

    at: float
    kind: MomentKind
    waited: Waited | None = None
