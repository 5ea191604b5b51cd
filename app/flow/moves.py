"""How a call moves on: where it may go, what came of a wait, and what an exit makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.flow.drafts import Part, Value
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a `set`, or of a `with`."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Runs:
    """Another flow that a call goes on in.

    Attributes:
        flow: its name.
        given: what its params become, computed in the flow that runs it.
        comes_back: whether the call comes back to the step that ran it when the other flow returns. Otherwise the
            call is handed over for good.
    """

    flow: str
    given: tuple[Assignment, ...] = ()
    comes_back: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where a flow goes next: a step, another flow, back to the flow that ran this one, or the end of the call.

    Attributes:
        step: a step of this flow.
        runs: another flow.
        returns: the outcome with which the call goes back; a call that nobody waits for ends.
        sets: assigned on the way. Those of a return are made in the flow that it leads to.
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
        """Whether it leads to a step or to the end, and does nothing on the way."""
        return self.runs is None and not self.returns and not self.sets

    @property
    def shown(self) -> str:
        """For the trace and for messages."""
        if self.runs is not None:
            return f"run {self.runs.flow}"
        return f"return {self.returns}" if self.returns else self.step or "end"


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
        """What it asked for in one locale; in the default one for a name that is none."""
        return self.by_locale.get(locale, self)


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
    digits: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    confidence: float | None = None
    reason: str = ""
    because: str = ""


class Jump(NamedTuple):
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
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Edge:
    """One way out of a step, for reachability, cycles and the graph.

    Attributes:
        sets: assigned before those of the target.
        fills: the variable that keeps what the caller gave; "" for none.
    """

    label: str
    target: Target
    passes_input: bool
    sets: tuple[Assignment, ...] = ()
    fills: str = ""
