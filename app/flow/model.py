"""A loaded flow: what the engine plays. Everything here is frozen; a change of a file makes a new flow.

How the pieces meet when a call runs:

- A step's `parts` are rendered in order, each to `Draft`s: NCCO actions that may ask for a callback URL.
- Then its `exit` is entered. It either jumps at once (`Exit.enter` gives a `Jump`) or waits for a webhook.
- What a webhook means is an `Outcome`; the exit decides where it leads (`Exit.decide` gives a `Decision`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from app.flow.drafts import Callback, CallbackKind, Draft, Frame, Part, Value
from app.flow.moves import Again, Asked, Assignment, Decision, Edge, Go, Jump, Next, Outcome, Runs, Target
from app.flow.nodes import Place
from app.flow.paths import Path
from app.flow.types import TYPES

if TYPE_CHECKING:
    from app.flow.templates import Expression

__all__ = [
    "Again",
    "Asked",
    "Asking",
    "Assignment",
    "Callback",
    "CallbackKind",
    "Decision",
    "Draft",
    "Edge",
    "Exit",
    "Flow",
    "Frame",
    "Go",
    "Jump",
    "Limit",
    "Next",
    "Outcome",
    "Param",
    "Part",
    "Project",
    "Runs",
    "Sending",
    "Signature",
    "Step",
    "Target",
    "Value",
    "Variable",
]


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable; `type_name` is one of `app.flow.types.TYPES`, `default` is of that type already.

    A `sensitive` one lives for the turn that received it; wherever it would be written stands a token. One without
    `is_declared` is only named by a `collect`; `has_default` tells whether what it begins with is written.
    """

    name: str
    type_name: str
    default: Any
    place: Place
    sensitive: bool = False
    words: tuple[str, ...] = ()
    is_declared: bool = field(default=True, compare=False)
    has_default: bool = field(default=True, compare=False)

    def cast(self, value: object) -> object:
        """`value` as a value of this variable. Raises ValueError."""
        fitting = TYPES[self.type_name].cast(value) if self.type_name in TYPES else value
        if self.words and fitting not in self.words:
            raise ValueError(f"one of {', '.join(self.words)} is needed")
        return fitting


@dataclass(frozen=True, slots=True)
class Param:
    """What the user of a flow, a look-up or a hook gives to it."""

    variable: Variable
    is_required: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """What other flows see of a flow.

    Attributes:
        params: what it takes, by name.
        outcomes: the names of what may come of it.
        returns: the values that it gives back, by name.
        is_whole: all of it could be read; what is missing is then really missing.
        places: where each outcome is declared.
    """

    name: str
    place: Place
    params: Mapping[str, Param] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    returns: Mapping[str, Variable] = field(default_factory=dict)
    is_whole: bool = True
    places: Mapping[str, Place] = field(default_factory=dict)


class Asking(Protocol):
    """A look-up as a step asks it."""

    @property
    def name(self) -> str:
        """Under which its answer is in scope."""

    @property
    def place(self) -> Place:
        """Where the step names it."""

    def request(self, names: Mapping[str, Any]) -> Any:
        """What to ask. Raises RenderError."""

    def read(self, value: Any, problem: str) -> tuple[Mapping[str, Any], str]:
        """What is in scope from now on, and why it is not what was answered ("" when it is)."""

    def hush(self, answer: Mapping[str, Any], hushing: Any) -> tuple[Mapping[str, Any], str]:
        """The same where what is sensitive is known (`app.flow.lookups.Hushing`): with tokens for what tells it."""


class Sending(Protocol):
    """A hook as a step or a flow names it."""

    @property
    def name(self) -> str:
        """Of the hook."""

    @property
    def place(self) -> Place:
        """Where it is named."""

    def render(self, names: Mapping[str, Any]) -> Any:
        """What is sent (`app.flow.hooks.Hook`). Raises RenderError."""


class Exit(Protocol):
    """How a step ends, in its file under app/flow/exits/.

    `is_early` says that it decides before the
    step plays anything. `asks_again` that the step's look-ups are asked anew before it decides on a webhook.
    """

    word: ClassVar[str]
    is_early: ClassVar[bool]
    asks_again: ClassVar[bool]

    @property
    def place(self) -> Place:
        """Where it is written."""

    @property
    def asked(self) -> Asked | None:
        """What its `input` asks for; None when it asks for none."""

    def edges(self) -> Iterator[Edge]:
        """Every way out."""

    def uses(self) -> Iterator[Part | Expression]:
        """What it plays by itself, and the conditions that it tests."""

    def enter(self, frame: Frame) -> Jump | None:
        """Decide at once, or None: a webhook decides. Raises RenderError."""

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Decide by what came of the wait, after `tries` failed tries; None: it does not steer. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node of a flow: what the caller hears, then where the caller goes.

    Attributes:
        sets: assignments on entering.
        parts: everything it plays, the `input` of its menu or data entry included.
        exit: how it ends.
        error: where a value that cannot be computed leads; None: the flow's own.
        tail: whether the error exit's actions stand behind its `input`.
        asks: what it asks from outside on entering.
        sends: whom it tells on entering.
        events: whom it tells of what Vonage reports later, by event (`record`, `transcription`, `hangup`).
    """

    name: str
    place: Place
    sets: tuple[Assignment, ...]
    parts: tuple[Part, ...]
    exit: Exit
    error: Target | None = None
    tail: bool = True
    asks: tuple[Asking, ...] = ()
    sends: tuple[Sending, ...] = ()
    events: Mapping[str, tuple[Sending, ...]] = field(default_factory=dict)


class Limit(NamedTuple):
    """A number that a flow promises not to exceed, and where it says so."""

    most: int
    place: Place


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow with everything it uses.

    Attributes:
        numbers: digits without `+`; calls to them start here.
        default: whether calls to any other number start here.
        entry: whether `/webhooks/answer/{name}` may start it.
        params: what it is given when another flow runs it.
        outcomes: what may come of it then.
        locales: the languages it speaks, by name; the first is the default.
        calendars: opening hours, by name.
        unasked: what look-ups are in scope as before they are asked, by name.
        hushed: the ways to the sensitive fields of look-ups, by look-up; none leads into another.
        events: as in `Step`, for every step.
        limits: what it promises, by name (`app.flow.language.limits`); no running call looks at it.
        subs: the flows that a call may come to from here, by name.
        revision: content hash (64 hex digits) of `sources`.
        sources: path → text of every file it is made of; `load` makes the same flow of them again.
        sound: shapes of NCCOs that were found right; a memo that grows while calls run.
        tails: what is played behind an `input` from a step on, by step; None where it differs from call to call. Also
            a memo.
    """

    name: str
    place: Place
    start: str
    steps: Mapping[str, Step]
    variables: Mapping[str, Variable]
    numbers: tuple[str, ...] = ()
    default: bool = False
    entry: bool = False
    error: Target | None = None
    revision: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Variable] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    locales: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, Any] = field(default_factory=dict)
    unasked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hushed: Mapping[str, frozenset[Path]] = field(default_factory=dict)
    events: Mapping[str, tuple[Sending, ...]] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    subs: Mapping[str, Flow] = field(default_factory=dict, compare=False, repr=False)
    sound: set[tuple[int, ...]] = field(default_factory=set, compare=False, repr=False)
    tails: dict[str, tuple[Draft, ...] | None] = field(default_factory=dict, compare=False, repr=False)

    def named(self, name: str) -> Flow:
        """The flow of this name that a call may come to from here; "" and its own name are itself."""
        return self if name in {"", self.name} else self.subs[name]

    def locale_for(self, chosen: str) -> str:
        """The locale of a call that has chosen one; the default when this flow does not have it, "" without any."""
        return chosen if chosen in self.locales else next(iter(self.locales), "")

    @property
    def is_startable(self) -> bool:
        """Whether a call can begin here."""
        return bool(self.numbers) or self.default or self.entry


@dataclass(frozen=True, slots=True)
class Project:
    """All flows of one load, and every issue that was found; flows with errors are left out.

    `calendars` are the opening hours of shared files, and those of a flow as `flow.name`.
    """

    flows: Mapping[str, Flow]
    issues: tuple[Any, ...]
    texts: Mapping[str, str]
    calendars: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        """Whether any issue is an error: such a project is never served."""
        return any(issue.is_error for issue in self.issues)
