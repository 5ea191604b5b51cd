"""One thing that is wrong, and where in a walk it happens."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from app.flow.nodes import Place
from app.verify.prove.walked import Edge, Walk

NOWHERE: Final = -1


class Violation(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: one word for machines. message: in one sentence. place: the step or line that it concerns.
        edge: the number of the edge where it happens; NOWHERE when it is that something never happens.
        cure: what to do.
        severity: `warning` where it is only known of the values that were walked, which stand for others.
    """

    kind: str
    flow: str
    step: str
    place: Place
    message: str
    cure: str
    edge: int = NOWHERE
    severity: Literal["error", "warning"] = "error"

    @property
    def is_error(self) -> bool:
        """Whether it is sure."""
        return self.severity == "error"


def where_to(walk: Walk, edge: Edge) -> tuple[str, str]:
    """The step that a turn has come to; where it came from when it has entered none."""
    return edge.entered[-1] if edge.entered else where_from(walk, edge)


def where_from(walk: Walk, edge: Edge) -> tuple[str, str]:
    """The step in which the call has waited; its first one, for its first turn."""
    if edge.source < 0:
        return edge.entered[0] if edge.entered else (walk.root.name, walk.root.start)
    session = walk.states[edge.source].session
    return session.at or walk.root.name, session.step


def place_of(walk: Walk, flow: str, step: str) -> Place:
    """Where a step is written."""
    return walk.root.named(flow).steps[step].place


def at(walk: Walk, edge: int, where: tuple[str, str], *, kind: str, message: str, cure: str) -> Violation:
    """A violation at an edge, told at a step."""
    return Violation(kind, *where, place_of(walk, *where), message, cure, edge)
