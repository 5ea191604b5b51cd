"""What a party hears and does, and what a call waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Action: TypeAlias = dict[str, Any]
Ncco: TypeAlias = list[Action]
HeardKind: TypeAlias = Literal[
    "ringing", "talk", "stream", "tone", "music", "beep", "keys", "joined", "left", "voice", "pressed", "spoke",
    "hung up", "ended",
]  # fmt: skip
"""What the kinds mean that do not explain themselves.

ringing: the number that was dialled is ringing. tone: a ringback tone. music: hold music of a conversation that has
not started. keys: DTMF tones sent to this party. joined, left: another party joined or left. voice: another party
speaks. pressed, spoke, hung up: this party pressed a key, spoke or hung up. ended: the platform hung up.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One entry of a party's transcript.

    Attributes:
        at: seconds since the call was answered; negative before that.
        leg: the uuid of the leg.
        text: the spoken text, the URL of a file, a number or keys.
        seconds: the duration, as planned or until the sound was cut; None for an endless sound that is still playing.
        is_cut: whether a prompt was interrupted by a key, speech or a hang-up.
        action: the NCCO action that caused the entry; None if there is none.
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
    """One key: a digit, * or #."""

    digit: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Something that a party says. The input begins when the party starts to speak.

    Attributes:
        seconds: how long the party speaks.
        results: the recognised texts, best first, each with `text` and `confidence`, both strings.
        error: the error of speech recognition; "" for none.
    """

    seconds: float
    results: tuple[Mapping[str, str], ...] = ()
    error: str = ""


PartyInput: TypeAlias = PressedKey | Speech


@dataclass(frozen=True, slots=True)
class Waited:
    """What the call waits for.

    Attributes:
        kind: `input`: keys or speech, while nothing is being played. `record`: silence or a key that ends the
            recording. `dial`: the outcome of a dial (`Leg.decide`).
        takes: for an input, `dtmf`, `speech` or both.
        address: for a dial, the dialled number, user, URI or extension.
    """

    kind: Literal["input", "record", "dial"]
    action: Mapping[str, Any]
    takes: frozenset[str] = frozenset()
    address: str = ""

    def is_ended_by(self, given: PartyInput) -> bool:
        """Whether this input is enough for the call to continue; never for a dial."""
        if self.kind == "input":
            return ("dtmf" if isinstance(given, PressedKey) else "speech") in self.takes
        if isinstance(given, PressedKey):
            return self.kind == "record" and given.digit == self.action.get("endOnKey")
        return self.kind == "record" and any(self.action.get(name) is not None for name in ("endOnSilence", "timeOut"))


MomentKind: TypeAlias = Literal["input", "record", "dial", "until", "idle", "end"]


@dataclass(frozen=True, slots=True)
class CallMoment:
    """When and why virtual time stopped in a call.

    Attributes:
        at: seconds since the call was answered.
        kind: `input`, `record`, `dial`: the call waits for the party; see `Waited`. `until`: the given time is reached.
            `idle`: nothing happens until somebody acts (an endless loop, a conversation), or a day has passed without
            waiting for the caller. `end`: the call is over.
        waited: None for `until`, `idle` and `end`.
    """

    at: float
    kind: MomentKind
    waited: Waited | None = None
