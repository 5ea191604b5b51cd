"""`goto`: the call goes on at a step, or ends.

goto: menu        # or: goto: end

A step without any exit ends the call too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from app.flow.exits.source import StepSource, Wired
from app.flow.model import Asked, Decision, Edge, Frame, Jump, Outcome, Part, Target
from app.flow.nodes import Place
from app.flow.reader import Reader
from app.flow.targets import read_target
from app.flow.templates import Expression


@dataclass(frozen=True, slots=True)
class Goto:
    """Leads to one target at once."""

    word: ClassVar[str] = "goto"
    is_steady: ClassVar[bool] = True
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"goto"})

    target: Target
    place: Place
    because: str

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked."""
        return None

    def edges(self) -> Iterator[Edge]:
        """The one way out."""
        yield Edge("goto", self.target, passes_input=False)

    def uses(self) -> Iterator[Part | Expression]:
        """Nothing of its own."""
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        """Jump at once."""
        return Jump(self.target, self.place, self.because)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """No webhook decides here."""
        return None


def read_goto(source: StepSource, reader: Reader) -> Wired | None:
    """The `goto` of a step."""
    target = read_target(source.fields.values["goto"], "`goto`", reader)
    if target is None:
        return None
    because = f"goto: {target.shown}"
    return Wired(Goto(target, source.fields.at("goto"), because), source.parts)


def no_exit(source: StepSource) -> Wired:
    """What a step without an exit does: the call ends."""
    target = Target(None, source.place)
    return Wired(Goto(target, source.place, "the step has no exit: the call ends"), source.parts)
