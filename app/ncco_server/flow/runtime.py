"""What the engine needs of flows: exits and their decisions, and handlers in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Final, Literal, NamedTuple, Protocol

from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Assignment, Frame, Runs, Target
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.values import Expression

OTHERWISE: Final = "otherwise"
"""The line of `on` for every outcome without its own."""

RECORDED: Final = "recorded"
"""The variable of a handler's flow with `PlayedHandler.recorded`."""
AWAITED: Final = "awaited"
"""The variable with `PlayedHandler.awaited`."""


class PlayedHandler(Protocol):
    """A handler during one call; see `ncco_server.flow.handlers.playback`."""

    @property
    def recorded(self) -> Sequence[Any]:
        """The first result is the time at which the call came to the handler."""

    def step(self, name: str) -> Any:
        """Return the first step if the name is unknown, and None if a function comes next."""

    @property
    def computed(self) -> Iterator[str]:
        """The texts up to the next wait that the handler computes."""

    @property
    def wanted(self) -> Sequence[tuple[str, Any]]:
        """The functions or the row that come next, with their requests; empty if a webhook decides."""

    @property
    def progress_key(self) -> str:
        """The results, as they are when a webhook is repeated."""

    @property
    def values(self) -> Mapping[str, Any]: ...

    def logged(self, now: datetime) -> Sequence[str]:
        """What the handler has logged in the turn that began now."""

    @property
    def returns(self) -> Mapping[str, Variable] | None:
        """What it takes from the flow that it runs now, besides the outcome."""

    def follows(self, recorded: Sequence[Any]) -> bool:
        """Whether `recorded` begins with the results that the handler has got."""

    @property
    def awaited(self) -> Sequence[Any]:
        """Stored to recognise the wait when its result arrives; empty if the handler ends."""

    def play(self, recorded: Sequence[Any], awaited: Sequence[Any] = ()) -> None:
        """Run on with these results. Raises RenderError, also if `awaited` was stored for another wait."""

    def item(self, value: Any, problem: str, now: datetime) -> Any: ...


class Handling(Protocol):
    """A handler of calls in Python, which makes its flow's steps during the call."""

    @property
    def runs(self) -> frozenset[str]: ...

    @property
    def hooks(self) -> Sequence[Any]:
        """The definitions of the hooks that it may send (`HookDefinition`)."""

    @property
    def records(self) -> bool:
        """Whether it may record a call."""

    @property
    def dials(self) -> bool:
        """Whether it may connect a caller."""

    @property
    def text(self) -> str:
        """Its file."""

    @property
    def outline(self) -> Mapping[str, Any]:
        """Steps (`Step`) that stand for it in a proof: a question, with a choice for each way in which it ends."""

    def begun(self, now: datetime) -> Sequence[Any]: ...

    def playback(
        self,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        params: Mapping[str, Any],
        known: Mapping[str, str],
        keys: Sequence[bytes],
        *,
        calendars: Mapping[str, Any] | None = None,
        mask: Callable[[str], str] = str,
    ) -> PlayedHandler:
        """`known` has the sensitive values of this turn, by token; `keys` are for digests, `mask` makes tokens."""


class Offer(Protocol):
    """A choice of a menu, and how a caller makes it."""

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Digits, `*` or `#`."""

    @property
    def phrases(self) -> Mapping[str, str]:
        """As written → folded, for all locales."""

    @property
    def place(self) -> Place: ...

    def said_in(self, locale: str) -> Mapping[str, str]: ...


BY_KEYS: Final = "by keys"
BY_SPEECH: Final = "by speech"
"""The suffixes of outcomes' names: how a choice was made."""
IMMEDIATE: Final = "at once"
"""A way without a decision. Because of the space, no line of `on` has this name."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a step: a line of its exit, and where it leads.

    Attributes:
        outcomes: the names of outcomes that take it, also those of older revisions.
        passes_input: it is taken after valid input, or after a wait of limited length.
        is_immediate: a call can take it without any webhook.
        fills: the variable that receives the caller's input.
        label, detail: texts in a picture. If `label` is None, the name is shown.
        is_alone: a picture draws a separate arrow even if other ways have its target.
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
    choice: Offer | None = None
    condition: Expression | None = None
    label: str | None = None
    detail: str = ""
    is_alone: bool = False


class ExitOutcome(NamedTuple):
    """One outcome of a step: `sales by keys`, `noinput, try 1`, `nomatch, last try`, `if vip`, ..."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Asked:
    """What an `input` accepts: all that turns its webhook into an outcome.

    Attributes:
        keys: digits, `*` or `#` → their choice.
        phrases: folded phrase (`ncco_server.flow.phrases.fold`) → its choice.
        lengths: minimum and maximum of digits; None for a menu, or if only speech is accepted.
        min_confidence: 0 to 1; speech results below it do not count.
        by_locale: what each locale accepts; empty if all accept the same. Others use this object.
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
        name: `choice`, `collected`, `noinput`, `nomatch` or `asr_error`; for a connect, its status (`busy`,
            `completed`, `machine`, ...); for a checkpoint, its name (`heard_terms`, ...).
        digits, text, confidence: "" and None if there was no input.
        reason: for failures: `dtmf`, `speech`, `low_confidence`, `length`, `asr_error`, ...
        answer: what an agent handed back.
        reply: as in `Draft`.
    """

    name: str
    choice: str = ""
    digits: str = ""
    text: str = ""
    confidence: float | None = None
    reason: str = ""
    because: str = ""
    answer: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        """Leave out the caller's input, which may be sensitive."""
        return f"<outcome {self.name} {self.choice}>"


FAILED: Final = "failed"
"""The outcome of an agent that has not handed the caller back."""
TOO_LONG: Final = "too_long"


class WrongHandBack(ValueError):
    """What an agent handed back does not fit. `cure` says what it may hand back."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class Jump(NamedTuple):
    """An exit's immediate decision. `others` says why each earlier line did not match."""

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
    """The same step asks again: it plays `prompts` and then, unless `reprompt` is off, its own prompts.

    An exit always uses the same tuple for `prompts`: the engine caches actions by it, so new tuples would fill the
    memory. After an ASR error, `counts_try` is False.
    """

    prompts: tuple[Part, ...] = ()
    reprompt: bool = True
    counts_try: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """The step dials the next target of its connect list."""


NOTHING_COLLECTED: Final[Mapping[str, Any]] = {}


class Decision(NamedTuple):
    """An exit's decision about an outcome.

    Attributes:
        outcome: its name in scenarios, logs and coverage.
        sets: assignments, in order, before the move.
        attempt, attempts: this failed attempt, and the allowed tries; 0 if none failed.
        next_target: its index in the list of targets; 0 if no other is rung.
        answer: what an agent handed back.
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
    answer: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        """Leave out the collected input."""
        return f"<decision {self.outcome} at {self.place}>"


class TakenDecision(Protocol):
    """A decision, as stored in a trace; see `Decision`."""

    @property
    def what(self) -> str: ...

    @property
    def others(self) -> tuple[str, ...]: ...

    @property
    def attempt(self) -> int: ...

    @property
    def attempts(self) -> int: ...

    @property
    def next_target(self) -> int: ...


StepShape = Literal["step", "ask", "decide", "hold", "run"]
"""How a picture shows a step."""


class Exit(ABC):
    """How a step ends; the exits are in `ncco_server.flow.language`.

    Attributes:
        leaves_at_once: a call leaves the step on entry, without a webhook. The exit's conditions are then tested after
            the step's actions.
        is_early: it can decide before the step plays anything.
        asks_again: the step's lookups are made again before it decides on a webhook.
        has_agent: an agent hands the caller back, with values.
    """

    word: ClassVar[str]
    shape: ClassVar[StepShape] = "step"
    leaves_at_once: ClassVar[bool] = False
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    has_agent: ClassVar[bool] = False

    @abstractmethod
    def written_ways(self) -> Iterator[Way]: ...

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        return tuple(self.written_ways())

    def outcomes(self) -> Iterator[ExitOutcome]:
        """By default, those of each way."""
        for way in self.ways:
            yield from (ExitOutcome(name, way.place) for name in way.outcomes if name != IMMEDIATE)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        """Return "" without an outcome, as when the step asks again without a failed attempt.

        `heard_by` is `keys` or `speech`, "" without input. `is_at_once`: the step decided on entry.
        """
        return decision.what

    def reads(self) -> Iterator[Expression]:
        yield from ()

    @property
    def prompts(self) -> Mapping[str, tuple[tuple[Part, ...], ...]]:
        """By failure; the first entry is for the first attempt."""
        return {}

    @property
    def asked(self) -> Asked | None:
        """Return None without an `input`."""
        return None

    @property
    def statuses(self) -> frozenset[str]:
        return frozenset()

    @property
    def dials(self) -> bool:
        return False

    @property
    def plays_again(self) -> bool:
        return not self.leaves_at_once

    @property
    def longest_wait_s(self) -> float:
        """How long the exit waits for its condition; 0 without one."""
        return 0.0

    @cached_property
    def runs(self) -> Runs | None:
        runs = (way.target.runs for way in self.ways if way.target.runs is not None)
        return next((run for run in runs if run.comes_back), None)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        return tuple(way.choice for way in self.ways if way.choice is not None)

    @cached_property
    def fills(self) -> Variable | None:
        return next((way.fills for way in self.ways if way.fills is not None), None)

    def enter(self, frame: Frame) -> Jump | None:
        """Return None if a webhook decides. Raises RenderError."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """Return None if the call stays here. Raises RenderError."""
        return None

    def read_hand_back(self, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the outcome and all values that an agent hands back. Raises WrongHandBack."""
        raise WrongHandBack("this step has no agent", "close the websocket")
