"""Runs a step in a call: its parts are rendered, and its exit decides where the call goes.

- The parts are rendered in order, each to `Draft`s: NCCO actions that may ask for a callback URL.
- Then the exit is entered. It either jumps immediately (`Exit.enter` returns a `Jump`) or waits for a webhook.
- What a webhook means is an `Outcome`. The exit decides where it leads (`Exit.decide` returns a `Decision`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, NamedTuple, Protocol

from app.flow.nodes import Place
from app.flow.scope import Variable
from app.flow.templates.values import Expression, Value

CallbackKind = Literal["input", "notify", "event", "onanswer", "placed"]


class Frame(NamedTuple):
    """What a part or an exit may use while it runs.

    Attributes:
        names: everything in scope: `call`, `input`, `env`, `now`, `locale` and the variables by name.
        position: the index of the target of a connect list that is ringing now; 0 on entry.
        waited: seconds since the step was entered.
        may_dial: whether a computed number or address may be dialled; "" means that it is not a number.
        dials_left: how many more numbers the call may dial.
    """

    names: Mapping[str, Any]
    position: int = 0
    waited: float = 0.0
    may_dial: Callable[[str], bool] = lambda number: True
    dials_left: int = 1_000

    def render(self, parts: Iterable[Part]) -> list[Draft]:
        """The actions of `parts`. Raises RenderError."""
        return [draft for part in parts for draft in part.render(self)]

    def enter(self, leave: Exit) -> Jump | None:
        """The immediate target of an exit; None if a webhook decides. Raises RenderError."""
        return leave.enter(self)


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
        dials: the computed (not literal) number or address that a connect dials, to be checked against the allow-list;
            "" if the flow file contains it literally.
        computed: the options of the action that are computed in each call, with their values. The other options are
            written in the flow, and were checked when it was loaded; None if none of the action was.
        heard: the flow that the called party hears before being connected, and its params (`{"flow": .., "given":
            {..}}`); None if it does not hear a flow. The engine writes the `url` of its `onAnswer`.
    """

    action: dict[str, Any]
    callback: Callback | None = None
    dials: str = ""
    computed: Mapping[str, Value] | None = None
    heard: Mapping[str, Any] | None = None


class Part(Protocol):
    """One item of `do`, in its file under app/flow/actions/."""

    @property
    def place(self) -> Place:
        """Where it is written."""

    def render(self, frame: Frame) -> list[Draft]:
        """The actions in this call. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a `set`, or of a `with`."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Runs:
    """Another flow, in which the call continues.

    Attributes:
        flow: its name.
        given: the values of its params, computed in the flow that runs it.
        comes_back: whether the call comes back to the step that ran it when the other flow returns. Otherwise the call
            is handed over for good.
    """

    flow: str
    given: tuple[Assignment, ...] = ()
    comes_back: bool = False


class Target(NamedTuple):
    """Where a flow goes next: a step, another flow, back to the flow that ran this one, or the end of the call.

    Attributes:
        step: a step of this flow.
        runs: another flow.
        returns: the outcome that the flow returns; the call ends if no flow waits for it.
        sets: assignments made before the call gets there. The assignments of a return fill variables of the calling
            flow.
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


class Offer(Protocol):
    """A choice of a menu, and how a caller makes it."""

    @property
    def name(self) -> str:
        """As written."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Digits, `*` or `#`."""

    @property
    def phrases(self) -> Mapping[str, str]:
        """What a caller can say in any locale: as written → folded."""

    @property
    def place(self) -> Place:
        """Where it is written."""

    def said_in(self, locale: str) -> Mapping[str, str]:
        """What a caller can say in one locale: as written → folded."""


BY_KEYS: Final = "by keys"
BY_SPEECH: Final = "by speech"
"""How a caller makes a choice, used as the suffix of the outcome's name."""
AT_ONCE: Final = "at once"
"""The outcome of a way that does not depend on a decision. It contains a blank, so a line of `on` cannot have this
name.
"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a step: a line of its exit, and where it leads.

    Attributes:
        name: for messages: the name of a choice, `noinput`, `busy`, `if vip`, `else`, `goto`, ...
        place: the line that decides on it.
        outcomes: the names of the outcomes that lead along it, including those that only an older revision had.
        passes_input: the caller has given valid input, or has waited for a limited time.
        is_immediate: a call may take it without any webhook.
        is_return: it is taken when the flow that the step runs has returned.
        sets: assigned before those of the target.
        fills: the variable that receives the caller's input, which is named at `filled_at`.
        choice: the choice of a menu that leads along it.
        condition: it is taken only if this holds.
        label: what a picture calls it, if that is not its name; "" for nothing.
        detail: what a picture says under the label.
        is_alone: a picture does not draw it as one arrow with other ways to the same target.
    """

    name: str
    target: Target
    place: Place
    outcomes: tuple[str, ...]
    passes_input: bool = False
    is_immediate: bool = False
    is_return: bool = False
    sets: tuple[Assignment, ...] = ()
    fills: Variable | None = None
    filled_at: Place | None = None
    choice: Offer | None = None
    condition: Expression | None = None
    label: str | None = None
    detail: str = ""
    is_alone: bool = False


class ExitOutcome(NamedTuple):
    """One outcome of a step.

    Attributes:
        name: `sales by keys`, `noinput, try 1`, `nomatch, last try`, `busy`, `if vip`, `else`, `ready`, ...
        place: the line that determines it.
    """

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Asked:
    """What an `input` accepts: everything that is needed to turn its webhook into an outcome.

    Attributes:
        keys: digits, `*` or `#` → their choice.
        phrases: phrase → its choice. Phrases are already folded (`app.flow.phrases.fold`).
        lengths: how many digits a data entry takes (lowest, highest); None for a menu, or if only speech is accepted.
        free_speech: whether any words count as an answer.
        min_confidence: 0 to 1; speech results below it do not count.
        sensitive: what the caller keys in must not be written anywhere.
        by_locale: what it asks for in each locale of the flow; empty if that is the same in all. A missing name means
            the default locale, which is this object.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)
    lengths: tuple[int, int] | None = None
    free_speech: bool = False
    min_confidence: float = 0.0
    sensitive: bool = False
    by_locale: Mapping[str, Asked] = field(default_factory=dict)


class Outcome(NamedTuple):
    """The result of a wait.

    Attributes:
        name: `choice`, `collected`, `noinput`, `nomatch`, `asr_error`; for a connect or a checkpoint the status or the
            checkpoint's name (`busy`, `completed`, `machine`, `heard_terms`, ...).
        choice: the choice's name when `name` is `choice`.
        digits, text, confidence: the caller's input ("" and None if there was none).
        reason: for failures: `dtmf`, `speech`, `low_confidence`, `length`, `asr_error`, ...
        because: one sentence for the trace that explains the outcome.
    """

    name: str
    choice: str = ""
    digits: str = ""
    text: str = ""
    confidence: float | None = None
    reason: str = ""
    because: str = ""

    def __repr__(self) -> str:
        """The outcome without the caller's input, which may be sensitive."""
        return f"<outcome {self.name} {self.choice}>"


class Jump(NamedTuple):
    """The result of an exit that decides immediately. `others` explains why each earlier line did not match."""

    target: Target
    place: Place
    because: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """The call continues at `target`."""

    target: Target


@dataclass(frozen=True, slots=True)
class Again:
    """The same step asks once more: `prompts`, then (unless `reprompt` is off) its prompts again.

    The exit keeps the tuple `prompts`: the engine caches its actions by it, and new ones would fill the memory.
    `counts_try` adds one to the failed attempts. It is false if the caller did nothing wrong, as after an ASR error.
    """

    prompts: tuple[Part, ...] = ()
    reprompt: bool = True
    counts_try: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """The step dials the next target of its connect list."""


NOTHING_COLLECTED: Final[Mapping[str, Any]] = {}
"""The values of a decision that does not collect any. Never modified."""


class Decision(NamedTuple):
    """The decision of an exit about an outcome.

    Attributes:
        move: where the call goes.
        outcome: its name in scenarios, logs and coverage: a choice's name, `noinput`, `busy`, ...
        place: the line that decided.
        because: one sentence for the trace.
        others: why each other line did not match.
        sets: assignments, in order, before the move.
        values: the collected input, by variable name.
        attempt, attempts: the number of this failed attempt and the allowed number of tries; 0 if none has failed.
        next_target: the number of the target in a list that is rung next; 0 for none.
    """

    move: Go | Again | Next
    outcome: str
    place: Place
    because: str
    others: tuple[str, ...] = ()
    sets: tuple[Assignment, ...] = ()
    values: Mapping[str, Any] = NOTHING_COLLECTED
    attempt: int = 0
    attempts: int = 0
    next_target: int = 0

    def __repr__(self) -> str:
        """The decision without the collected input, which may be sensitive."""
        return f"<decision {self.outcome} at {self.place}>"


class TakenDecision(Protocol):
    """A decision, as stored in a trace."""

    @property
    def what(self) -> str:
        """The outcome of the decision."""

    @property
    def others(self) -> tuple[str, ...]:
        """Why each other line did not match."""

    @property
    def attempt(self) -> int:
        """The number of the failed attempt; 0 if none has failed."""

    @property
    def attempts(self) -> int:
        """The allowed number of tries."""

    @property
    def next_target(self) -> int:
        """The number of the target in a list that is rung next; 0 for none."""


StepShape = Literal["step", "ask", "decide", "hold", "run"]
"""How a picture shows a step: as playing something, asking, deciding, waiting, or running another flow."""


class Exit(ABC):
    """How a step ends; the exits are in `app.flow.language`.

    Attributes:
        word: the keyword of the step that contains this exit.
        shape: the shape of its step in a picture.
        leaves_at_once: a call leaves the step on entry, without a webhook. Its conditions are then tested on the way
            out.
        is_early: it may decide before the step plays anything.
        asks_again: the step's lookups run again before it decides on a webhook.
        decides_by_name: only the name of an outcome decides, not the caller's input or the time.
    """

    word: ClassVar[str]
    shape: ClassVar[StepShape] = "step"
    leaves_at_once: ClassVar[bool] = False
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    decides_by_name: ClassVar[bool] = False

    @abstractmethod
    def ways(self) -> Iterator[Way]:
        """Every way out."""

    def outcomes(self) -> Iterator[ExitOutcome]:
        """Every outcome that a call can have here, in the order of the file; by default, those of each way."""
        for way in self.ways():
            yield from (ExitOutcome(name, way.place) for name in way.outcomes if name != AT_ONCE)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        """The name of the outcome of a decision; "" for none, such as asking again without a failed attempt.

        Args:
            decision: in the trace of a turn.
            heard_by: `keys` or `speech`; "" if there was no input before.
            is_at_once: the step has decided on entry.
        """
        return decision.what

    def reads(self) -> Iterator[Expression]:
        """The conditions that it tests, in order."""
        yield from ()

    @property
    def prompts(self) -> Mapping[str, tuple[tuple[Part, ...], ...]]:
        """The prompts that it plays after failed attempts, by failure, the first one after the first try."""
        return {}

    @property
    def asked(self) -> Asked | None:
        """What its `input` asks for; None without an `input`."""
        return None

    @property
    def statuses(self) -> frozenset[str]:
        """The call statuses and checkpoint names that decide."""
        return frozenset()

    @property
    def dials(self) -> bool:
        """Whether it decides on the outcome of a connect."""
        return False

    @property
    def plays_again(self) -> bool:
        """Whether the step's actions may be played again in a later turn."""
        return not self.leaves_at_once

    @property
    def longest_wait_s(self) -> float:
        """The seconds after which it stops waiting for its condition; 0 if it does not wait for one."""
        return 0.0

    @property
    def runs(self) -> Runs | None:
        """The flow that its step runs and waits for."""
        runs = (way.target.runs for way in self.ways() if way.target.runs is not None)
        return next((each for each in runs if each.comes_back), None)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Its choices."""
        return tuple(way.choice for way in self.ways() if way.choice is not None)

    @property
    def fills(self) -> Variable | None:
        """The variable that receives what the caller enters."""
        return next((way.fills for way in self.ways() if way.fills is not None), None)

    def enter(self, frame: Frame) -> Jump | None:
        """Decide immediately; None if a webhook decides. Raises RenderError."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Decide by the outcome after `tries` failed attempts; None if the call stays here. Raises RenderError."""
        return None
