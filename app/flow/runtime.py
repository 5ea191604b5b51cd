"""What a step does in a call: its parts are rendered, and its exit decides where the call goes.

- The parts are rendered in order, each to `Draft`s: NCCO actions that may ask for a callback URL.
- Then the exit is entered. It either jumps at once (`Exit.enter` returns a `Jump`) or waits for a webhook.
- What a webhook means is an `Outcome`. The exit decides where it leads (`Exit.decide` returns a `Decision`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from app.flow.nodes import Place
from app.flow.templates.values import Expression, Value

CallbackKind = Literal["input", "notify", "event", "onanswer"]


class Frame(NamedTuple):
    """What a part or an exit may look at while it runs.

    Attributes:
        names: everything in scope: `call`, `input`, `env`, `now`, `locale` and the variables by name.
        position: the index of the target of a connect list that rings now; 0 on entering.
        waited: seconds since the step was entered.
        may_dial: whether a computed number or address may be dialled; "" means that it is not a number.
        dials_left: how many more numbers the call may dial.
    """

    names: Mapping[str, Any]
    position: int = 0
    waited: float = 0.0
    may_dial: Callable[[str], bool] = lambda number: True
    dials_left: int = 1_000


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook that an action asks for; the engine opens a wait for it and writes its `eventUrl`.

    Attributes:
        kind: the route that receives it.
        name: `input`, `connect`, `record`, `conversation`, or the checkpoint's name.
        steers: whether its reply may replace the NCCO.
        sensitive: whether what the caller keys in must not be written anywhere.
    """

    kind: CallbackKind
    name: str
    steers: bool
    sensitive: bool = False


@dataclass(slots=True)
class Draft:
    """One NCCO action of one turn, which the engine may still change.

    Attributes:
        action: the NCCO action.
        callback: the webhook that it asks for.
        dials: the computed (not literal) number or address that a connect dials, to be checked against the
            allow-list; "" when the flow file names it literally.
        shape: identifies the properties that decide whether an order of actions is valid; drafts with the same shape
            have the same ones. 0 when they may differ from call to call.
        computed: the options of the action that are computed in each call; the others never change.
        heard: the flow that the called party hears before it is joined, and the params of that flow
            (`{"flow": .., "given": {..}}`); None when it hears no flow. The engine writes the `url` of its `onAnswer`.
    """

    action: dict[str, Any]
    callback: Callback | None = None
    dials: str = ""
    shape: int = 0
    computed: tuple[str, ...] = ()
    heard: Mapping[str, Any] | None = None


class Part(Protocol):
    """One item of `do`, in its file under app/flow/actions/."""

    @property
    def place(self) -> Place:
        """Where it is written."""

    def render(self, frame: Frame) -> list[Draft]:
        """Its actions in this call. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a `set`, or of a `with`."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Runs:
    """Another flow that the call continues in.

    Attributes:
        flow: its name.
        given: the values of its params, computed in the flow that runs it.
        comes_back: whether the call comes back to the step that ran it when the other flow returns. Otherwise the
            call is handed over for good.
    """

    flow: str
    given: tuple[Assignment, ...] = ()
    comes_back: bool = False


class Target(NamedTuple):
    """Where a flow goes next: a step, another flow, back to the flow that ran this one, or the end of the call.

    Attributes:
        step: a step of this flow.
        runs: another flow.
        returns: the outcome with which the call goes back; the call ends when no flow waits for it.
        sets: assignments made before the call gets there. Those of a return fill variables of the calling flow.
    """

    step: str | None
    place: Place
    runs: Runs | None = None
    returns: str = ""
    sets: tuple[Assignment, ...] = ()

    @property
    def is_end(self) -> bool:
        """Whether the call ends here."""
        return self.step is None and self.runs is None and not self.returns

    @property
    def is_plain(self) -> bool:
        """Whether it leads to a step or to the end, without assignments."""
        return self.runs is None and not self.returns and not self.sets

    @property
    def shown(self) -> str:
        """For the trace and for messages."""
        if self.runs is not None:
            return f"run {self.runs.flow}"
        return f"return {self.returns}" if self.returns else self.step or "end"


@dataclass(frozen=True, slots=True)
class Edge:
    """One way out of a step, for reachability, cycles and the graph.

    Attributes:
        sets: assigned before those of the target.
        fills: the variable that receives the caller's input; "" for none.
    """

    label: str
    target: Target
    passes_input: bool
    sets: tuple[Assignment, ...] = ()
    fills: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an `input` accepts: everything that is needed to turn its webhook into an outcome.

    Attributes:
        keys: digits, `*` or `#` → their choice.
        phrases: phrase → its choice. Phrases are already folded (`app.flow.phrases.fold`).
        lengths: how many digits a data entry takes (lowest, highest); None for a menu or for speech alone.
        free_speech: whether any words count as an answer.
        min_confidence: 0 to 1; speech results below it do not count.
        sensitive: what the caller keys in must not be written anywhere.
        by_locale: what it asked for in each locale of the flow; empty when that is the same in all.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)
    lengths: tuple[int, int] | None = None
    free_speech: bool = False
    min_confidence: float = 0.0
    sensitive: bool = False
    by_locale: Mapping[str, Asked] = field(default_factory=dict)

    def in_locale(self, locale: str) -> Asked:
        """What it asked for in one locale; for an unknown name, what it asked for in the default locale."""
        return self.by_locale.get(locale, self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a wait.

    Attributes:
        name: `choice`, `collected`, `noinput`, `nomatch`, `asr_error`; for a connect or a checkpoint the status or the
            checkpoint's name (`busy`, `completed`, `machine`, `heard_terms`, ...).
        choice: the choice's name when `name` is `choice`.
        digits, text, confidence: what the caller gave ("" and None where nothing came).
        reason: for failures: `dtmf`, `speech`, `low_confidence`, `length`, `asr_error`, ...
        because: one sentence for the trace: why this is the outcome.
    """

    name: str
    choice: str = ""
    digits: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    confidence: float | None = None
    reason: str = ""
    because: str = ""


class Jump(NamedTuple):
    """The result of an exit that decides at once. `others` explains why each earlier line did not match."""

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

    `counts_try` adds one to the failed tries. It is false when the caller did nothing wrong, as after an ASR error.
    """

    prompts: tuple[Part, ...] = ()
    reprompt: bool = True
    counts_try: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """The step dials the next target of its connect list."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an exit decides for an outcome.

    Attributes:
        move: where the call goes.
        outcome: its name as scenarios, logs and coverage count it: a choice's name, `noinput`, `busy`, ...
        place: the line that decided.
        because: one sentence for the trace.
        others: why each other line did not match.
        sets: assignments, in order, before the move.
        values: what was collected, by variable name.
        attempt, attempts: which failed try of how many this was; 0 when none has failed.
        next_target: the number of the target of a list that is rung next; 0 for none.
    """

    move: Go | Again | Next
    outcome: str
    place: Place
    because: str
    others: tuple[str, ...] = ()
    sets: tuple[Assignment, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attempt: int = 0
    attempts: int = 0
    next_target: int = 0


class Exit(ABC):
    """How a step ends; the exits are in `app.flow.language`.

    Attributes:
        word: the word of a step that holds this exit.
        step_words: all words of a step that belong to this exit, `word` included.
        leaves_at_once: a call leaves the step on entering, without a webhook.
        is_early: it may decide before the step plays anything.
        asks_again: the step's lookups run again before it decides on a webhook.
    """

    word: ClassVar[str]
    step_words: ClassVar[tuple[str, ...]]
    leaves_at_once: ClassVar[bool] = False
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False

    @property
    def asked(self) -> Asked | None:
        """What its `input` asks for; None when it asks for none."""
        return None

    @abstractmethod
    def edges(self) -> Iterator[Edge]:
        """Every way out."""

    def uses(self) -> Iterator[Part | Expression]:
        """What it plays by itself, and the conditions that it tests."""
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        """Decide at once, or None: a webhook decides. Raises RenderError."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Decide by the outcome, after `tries` failed tries; None: the call does not move. Raises RenderError."""
        return None
