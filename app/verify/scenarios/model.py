"""A scenario: a call that is made, what the caller does in it, and what is expected. Everything here is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from app.flow.nodes import Node, Place
from app.verify.scenarios.faults import Kind

AT: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
"""When calls are made unless a scenario says otherwise: a Wednesday morning."""
FROM: Final = "447700900123"
"""Who calls unless a scenario says otherwise: a number that is reserved for stories."""


@dataclass(frozen=True, slots=True)
class Hear:
    """What must be heard next.

    Attributes:
        text: a part of it is enough; None: whatever is heard, and `--update` writes it here.
        written: the extent of the text in its file, or of the word `hear` when it stands alone.
    """

    place: Place
    text: str | None
    written: Place


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses keys. `at`: seconds since the call was answered; None: as soon as the caller is waited for."""

    place: Place
    digits: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the recogniser makes of speech. `confidence` is 0 to 1."""

    text: str
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Speak:
    """The caller speaks.

    Attributes:
        results: what the recogniser makes of it, best first; () when it fails with `error`.
        at: as in `Press`.
    """

    place: Place
    results: tuple[Said, ...]
    error: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller lets an input or a recording time out."""

    place: Place


@dataclass(frozen=True, slots=True)
class Dial:
    """Somebody is dialled next.

    Attributes:
        to: number, user, URI or extension; "" for whoever it is.
        outcome: what comes of it.
        rings, talks: seconds.
        hangs_up_first: whether the called party ends the conversation, else the caller.
        hears: what the called party must hear of an NCCO of its own (`onAnswer`), in this order.
        presses: what it presses or says, each time that this NCCO waits for it; "" is silence.
    """

    place: Place
    to: str = ""
    outcome: str = "completed"
    rings: float = 4.0
    talks: float = 30.0
    hangs_up_first: bool = True
    hears: tuple[Hear, ...] = ()
    presses: tuple[str | Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """The caller speaks onto a recording for `seconds`, then presses `key`, or is silent when that is ""."""

    place: Place
    seconds: float = 5.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is done for some seconds; what is heard meanwhile passes by."""

    place: Place
    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Nothing is done until `text` is heard; what is heard before passes by."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up. `at`: as in `Press`; None: now."""

    place: Place
    at: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The call ends by itself, and nothing more is heard."""

    place: Place


@dataclass(frozen=True, slots=True)
class Disturb:
    """A fault falls on the next webhook whose reply is played: see `app.verify.scenarios.faults`."""

    place: Place
    fault: Kind


@dataclass(frozen=True, slots=True)
class Event:
    """Vonage tells the application of something. `fields` come over those that every event of this call has."""

    place: Place
    fields: Mapping[str, Any]


ScriptStep: TypeAlias = Hear | Press | Speak | Silence | Dial | Record | Wait | Until | HangUp | End | Event | Disturb


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up answers; the types that it declares say how `node` is read.

    Attributes:
        is_free: whether it may be anything, also what the look-up does not declare.
    """

    node: Node
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A look-up does not answer. `problem` is why; "" is a time-out."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a look-up answers in turn, the last of it for ever; at least one."""

    place: Place
    answers: tuple[Answer | Fault, ...]


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Which call is made.

    Attributes:
        to: digits; "": the first number of the flow.
        flow: started by its name; "": found by the number.
        sip: SIP headers by name; they make the call one of SIP. user: of the Client SDK, instead of a number.
        custom_data: what the Client SDK sends along; None for nothing.
        endpoint_type: what the call comes from; "": what the other facts tell.
        at: when it is made, aware.
        place: where to report that it cannot be made.
    """

    place: Place
    to: str = ""
    from_: str = FROM
    flow: str = ""
    user: str = ""
    sip: Mapping[str, str] = field(default_factory=dict)
    custom_data: Any = None
    endpoint_type: str = ""
    at: datetime = AT


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, as `written`; with `is_open` the ends do not count."""

    low: float
    high: float
    written: str
    is_open: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is in it."""
        return self.low < value < self.high if self.is_open else self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class ExpectedHook:
    """A hook that is sent. `json`: a part of its body that must be there; None: whatever it says."""

    place: Place
    name: str
    json: Any = None


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold when the call is over; None where nothing is expected.

    Attributes:
        end: `hangup`, `completed` or `failsafe`.
        seconds: how long the call lasted.
        hooks: those that are sent, all of them, in this order.
        variables: of the flow that the call ended in, by name.
        said: what must be heard, in this order.
        ncco: parts of actions that are played, in this order.
        without: what must not befall the caller, with how much of it is borne: see `app.verify.scenarios.without`.
        places: where each of them is written, by its word; of a variable as `variables.name`, of a fault as
            `without.name`.
    """

    end: str | None = None
    seconds: Range | None = None
    hooks: tuple[ExpectedHook, ...] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[Hear, ...] = ()
    ncco: tuple[Any, ...] = ()
    without: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scripted call.

    Attributes:
        name: a sentence. place: of the name in its file.
        given: what look-ups answer, by name, or as `flow.name`.
        env: variables that the flows read, the prefix `FLOW_` taken off.
        dial_allow: prefixes of computed numbers that may be dialled; None: what the server is told.
        streams: how many seconds audio files last, by URL; every other one lasts as long as the simulator says.
    """

    name: str
    place: Place
    call: CallFacts
    script: tuple[ScriptStep, ...] = ()
    expect: Expect = field(default_factory=Expect)
    given: Mapping[str, Given] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    dial_allow: tuple[str, ...] | None = None
    streams: Mapping[str, float] = field(default_factory=dict)
