"""What every exit of a step has: what it is read from, and what an exit does that says nothing else.

`goto` is here too: the call goes on at a step, or ends. A step without any exit ends the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from app.flow.fields import Fields
from app.flow.language.retry import Retry, RetryWords, finish_retry, read_retry
from app.flow.language.targets import read_target
from app.flow.model import Asked, Decision, Edge, Exit, Frame, Jump, Outcome, Part, Target
from app.flow.nodes import Node, Place
from app.flow.paths import is_inner
from app.flow.played import Played
from app.flow.reader import Reader
from app.flow.templates import Expression

if TYPE_CHECKING:
    from app.flow.language.defaults import Defaults


@dataclass(frozen=True, slots=True)
class StepSource:
    """One step while it is read.

    Attributes:
        fields: its words.
        parts: what its `do` plays, as far as it could be read.
        played: the items of its `do` by kind; also those that could not be read.
        plays_whole: `do` was read without an error.
        min_confidence: how sure the recogniser must be.
        defaults: what the flow's `defaults` say.
        reader: what its values are read with.
    """

    name: str
    place: Place
    fields: Fields
    parts: tuple[Part, ...]
    played: tuple[Played, ...]
    plays_whole: bool
    min_confidence: float
    defaults: Defaults
    reader: Reader

    def first(self, kind: str) -> Played | None:
        """The first item of `do` of this kind, e.g. `connect`."""
        return next((item for item in self.played if item.kind == kind), None)

    def shown(self, condition: Expression) -> str:
        """A condition, for the trace; not what a sensitive value is compared with."""
        variables = self.reader.variables
        used = (variables[name] for name in condition.used_names if name in variables)
        if any(variable.sensitive for variable in used) or any(map(is_inner, condition.used_names)):
            return f"the condition in line {condition.place.line}"
        return condition.source

    def needed_target(self, word: str, cure: str) -> Target | None:
        """Where a word of the step leads; E204 when it is missing."""
        node = self.fields.need(word, cure, self.reader)
        return read_target(node, f"`{word}`", self.reader) if node else None

    def retry(self, place: Place) -> Retry | None:
        """The step's own `retry`, completed by the flow's; None (and E240) when it leads nowhere at last."""
        node = self.fields.get("retry")
        own: RetryWords | None = read_retry(node, self.reader, self.fields.at("retry")) if node else None
        kinds = frozenset(item.kind for item in self.played if item.kind != "input")
        return finish_retry(own, self.defaults.retry, place, kinds, self.reader)

    @property
    def checkpoints(self) -> frozenset[str]:
        """The names of its checkpoints."""
        return frozenset(item.name for item in self.played if item.kind == "checkpoint")


class Wired(NamedTuple):
    """An exit that was read, and the step's parts with what the exit needs (an `input`, the connect's events)."""

    exit: Exit
    parts: tuple[Part, ...]


class StepExit:
    """What an exit does that says nothing else; see `app.flow.model.Exit`.

    Attributes:
        word: of a step, which names the exit.
        step_words: those of a step that belong to it, `word` among them.
    """

    word: ClassVar[str]
    step_words: ClassVar[tuple[str, ...]]
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked of the caller."""
        return None

    def uses(self) -> Iterator[Part | Expression]:
        """Nothing of its own."""
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        """A webhook decides."""
        return None

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """No webhook decides."""
        return None


@dataclass(frozen=True, slots=True)
class Goto(StepExit):
    """`goto`: leads to one target at once."""

    word: ClassVar = "goto"
    step_words: ClassVar = ("goto",)

    target: Target
    place: Place
    because: str

    def edges(self) -> Iterator[Edge]:
        """The one way out."""
        yield Edge("goto", self.target, passes_input=False)

    def enter(self, frame: Frame) -> Jump | None:
        """Jump at once."""
        return Jump(self.target, self.place, self.because)

    @classmethod
    def read(cls, node: Node, source: StepSource) -> Wired | None:
        """The `goto` of a step."""
        target = read_target(node, "`goto`", source.reader)
        if target is None:
            return None
        return Wired(cls(target, source.fields.at("goto"), f"goto: {target.shown}"), source.parts)

    @classmethod
    def without_exit(cls, source: StepSource) -> Wired:
        """What a step without an exit does: the call ends."""
        end = Target(None, source.place)
        return Wired(cls(end, source.place, "the step has no exit: the call ends"), source.parts)
