"""A loaded flow: what the engine plays. Everything here is frozen; a change of a file makes a new flow.

How the pieces meet when a call runs:

- A step's `parts` are rendered in order, each to `Draft`s: NCCO actions that may ask for a callback URL.
- Then its `exit` is entered. It either jumps at once (`Exit.enter` gives a `Jump`) or waits for a webhook.
- What a webhook means is an `Outcome`; the exit decides where it leads (`Exit.decide` gives a `Decision`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from app.flow.drafts import Callback, CallbackKind, Draft, Frame, Laid, Part, Value
from app.flow.nodes import Place

__all__ = [
    "Again",
    "Asked",
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
    "Laid",
    "Next",
    "Outcome",
    "Part",
    "Project",
    "Step",
    "Target",
    "Value",
    "Variable",
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a flow goes next: a step, or the end of the call (`step` is None)."""

    step: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a `set`."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable; `type_name` is one of `app.flow.types.TYPES`, `default` is of that type already.

    A `sensitive` one lives for the turn that received it; wherever it would be written stands a token.
    """

    name: str
    type_name: str
    default: Any
    place: Place
    sensitive: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an `input` asked for: what the outcome table needs to tell what the caller meant.

    Attributes:
        keys: digits, `*` or `#` → the choice that they stand for.
        phrases: phrase → the choice it stands for. Phrases are folded already (`app.flow.phrases.fold`).
        lengths: how many digits a data entry takes (lowest, highest); None for a menu or for speech alone.
        free_speech: any words are an answer.
        min_confidence: 0 to 1; speech results below it do not count.
        sensitive: what the caller keys in must not be written anywhere.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)
    lengths: tuple[int, int] | None = None
    free_speech: bool = False
    min_confidence: float = 0.0
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a wait.

    Attributes:
        name: `choice`, `collected`, `noinput`, `nomatch`, `asr_error`; for a connect or a checkpoint the status or the
            checkpoint's name (`busy`, `completed`, `machine`, `heard_terms`, ...).
        choice: the choice's name when `name` is `choice`.
        digits, text, confidence: what the caller gave ("" and None where nothing came).
        reason: for failures: `dtmf`, `speech`, `low_confidence`, `length`, `asr_error`, ...
        because: one sentence for the trace: which row of the table decided, and on what.
    """

    name: str
    choice: str = ""
    digits: str = ""
    text: str = ""
    confidence: float | None = None
    reason: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Jump:
    """An exit that decides at once. `others` says why each line before the deciding one did not fit."""

    target: Target
    place: Place
    because: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """The call goes on at `target`."""

    target: Target


@dataclass(frozen=True, slots=True)
class Again:
    """The same step asks once more: `prompts`, then (unless `reprompt` is off) what it played before.

    `blame` counts a failed try; without it a fault of the platform is not held against the caller.
    """

    prompts: tuple[Part, ...] = ()
    reprompt: bool = True
    blame: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """The step's list goes on to its next item (the next target of a connect list)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an exit makes of an outcome.

    Attributes:
        move: where the call goes.
        outcome: its name as scenarios, logs and coverage count it: a choice's name, `noinput`, `busy`, ...
        place: the line that decided.
        because: one sentence for the trace.
        others: why each other line did not fit.
        sets: assignments, in order, before the move.
        values: what was collected, by variable name.
    """

    move: Go | Again | Next
    outcome: str
    place: Place
    because: str
    others: tuple[str, ...] = ()
    sets: tuple[Assignment, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """One way out of a step, for reachability, cycles and the graph."""

    label: str
    target: Target
    passes_input: bool


class Exit(Protocol):
    """How a step ends, in its file under app/flow/exits/.

    `is_steady` says that `enter` gives the same in every call, and never raises.
    """

    word: ClassVar[str]
    is_steady: ClassVar[bool]

    @property
    def place(self) -> Place:
        """Where it is written."""

    @property
    def asked(self) -> Asked | None:
        """What its `input` asks for; None when it asks for none."""

    def edges(self) -> Iterator[Edge]:
        """Every way out."""

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
        lookups: what it asks from outside on entering, by name.
    """

    name: str
    place: Place
    sets: tuple[Assignment, ...]
    parts: tuple[Part, ...]
    exit: Exit
    error: Target | None = None
    tail: bool = True
    lookups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow with everything it uses.

    Attributes:
        numbers: digits without `+`; calls to them start here.
        default: whether calls to any other number start here.
        entry: whether `/webhooks/answer/{name}` may start it.
        revision: content hash (64 hex digits) of `sources`.
        sources: path → text of every file it is made of; `load` makes the same flow of them again.
        sound: shapes of NCCOs that were found right; a memo that grows while calls run.
        stretches: what `app.engine.stretch` has laid out of it; another memo.
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
    sound: set[tuple[int, ...]] = field(default_factory=set, compare=False, repr=False)
    stretches: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_startable(self) -> bool:
        """Whether a call can begin here."""
        return bool(self.numbers) or self.default or self.entry


@dataclass(frozen=True, slots=True)
class Project:
    """All flows of one load, and every issue that was found; flows with errors are left out."""

    flows: Mapping[str, Flow]
    issues: tuple[Any, ...]
    texts: Mapping[str, str]

    @property
    def has_errors(self) -> bool:
        """Whether any issue is an error: such a project is never served."""
        return any(issue.is_error for issue in self.issues)
