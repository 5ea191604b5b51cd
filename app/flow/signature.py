"""What a flow takes and gives back, as the flows that run it see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.flow.model import Variable
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class Param:
    """Something that whoever uses a flow, a look-up or a hook gives to it."""

    variable: Variable
    is_required: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """The outside of a flow.

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
