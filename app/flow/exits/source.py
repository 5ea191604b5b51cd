"""What an exit is read from: the fields of its step, what the step plays, and what the flow says by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.flow.fields import Fields
from app.flow.inherited import Defaults
from app.flow.model import Exit, Part, Variable
from app.flow.nodes import Place
from app.flow.paths import is_inner
from app.flow.played import Played
from app.flow.templates import Expression


@dataclass(frozen=True, slots=True)
class StepSource:
    """One step while it is read.

    Attributes:
        parts: what its `do` plays, as far as it could be read.
        played: the items of its `do` by kind; also those that could not be read.
        plays_whole: `do` was read without an error.
        defaults: what the flow's `defaults` say.
        variables: the flow's variables by name.
    """

    name: str
    place: Place
    fields: Fields
    parts: tuple[Part, ...]
    played: tuple[Played, ...]
    plays_whole: bool
    defaults: Defaults
    variables: Mapping[str, Variable]

    def first(self, kind: str) -> Played | None:
        """The first item of `do` of this kind, e.g. `connect`."""
        return next((item for item in self.played if item.kind == kind), None)

    def shown(self, condition: Expression) -> str:
        """A condition, for the trace; not what a sensitive value is compared with."""
        used = (self.variables[name] for name in condition.used_names if name in self.variables)
        if any(variable.sensitive for variable in used) or any(map(is_inner, condition.used_names)):
            return f"the condition in line {condition.place.line}"
        return condition.source

    @property
    def checkpoints(self) -> frozenset[str]:
        """The names of its checkpoints."""
        return frozenset(item.name for item in self.played if item.kind == "checkpoint")


class Wired(NamedTuple):
    """An exit that was read, and the step's parts with what the exit needs (an `input`, the connect's events)."""

    exit: Exit
    parts: tuple[Part, ...]
