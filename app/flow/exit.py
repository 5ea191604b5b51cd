"""How a step ends: its exit decides what the outcome of a wait means, and at which target the call goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from app.flow.nodes import Place
from app.flow.part import Frame, Part
from app.flow.templates.values import Expression, Value


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


class Exit(Protocol):
    """How a step ends; the exits are in `app.flow.language`.

    With `leaves_at_once` a call leaves the step on entering, without a webhook. With `is_early` it may decide before
    the step plays anything. With `asks_again` the step's lookups run again before it decides on a webhook.
    """

    word: ClassVar[str]
    leaves_at_once: ClassVar[bool]
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
        """Decide by the outcome, after `tries` failed tries; None: the call does not move. Raises RenderError."""
