"""What callers hear when a look-up answers what no flow can ask about: a text that is no time, a list of great length.

A step that cannot say such a thing takes its error exit, and that is right. It is wrong when nothing is heard then. The
answers are given on a walk of their own, of which only the ways to such faults are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from app.verify.prove.violation import Violation, at
from app.verify.prove.walked import END, Edge, Walk
from app.verify.prove.ways import Ways


def after_garbage(walk: Walk, garbled: Walk, known: Set[tuple[str, str, str]]) -> Iterator[Violation]:
    """What is wrong in `garbled`, and in `walk` is not; the ways there are added to `walk`.

    `known`: kind, flow and step of what is told already.
    """
    failing = {key[:3] for edge in walk.edges for key in edge.failed}
    seen, ways = set(known), Ways(garbled)
    for number, edge in enumerate(garbled.edges):
        fresh = [each for each in edge.failed if each[:3] not in failing]
        kind = _kind_of(edge) if fresh and not edge.is_party else ""
        where = fresh[0][:2] if kind == "silent_fault" else edge.failed[-1][:2] if kind else ("", "")
        if kind and (kind, *where) not in seen:
            seen.add((kind, *where))
            yield _told(walk, _kept(walk, garbled, ways.to(number)), kind, where, fresh[0][3])


def _kind_of(edge: Edge) -> str:
    """How a caller gets lost when something fails; "" when something is heard of it."""
    if edge.is_failsafe:
        return "failsafe" if len({each[:2] for each in edge.failed}) > 1 else ""
    return "silent_fault" if edge.target == END and not edge.heard.is_heard else ""


def _told(walk: Walk, number: int, kind: str, where: tuple[str, str], why: str) -> Violation:
    unfit = f'when a look-up answers what step "{where[1]}" cannot say'
    if kind == "silent_fault":
        message, cure = (
            f"{unfit}, its error exit ends the call without a word: {why}",
            "let `on: {error: ..}` lead to a step that speaks",
        )
    else:
        message, cure = (
            f"{unfit}, the failsafe is all that is heard: {why}",
            "let the step of the error exit say what is known whatever has failed: texts without values of the call",
        )
    return at(walk, number, where, kind=kind, message=message, cure=cure)


def _kept(walk: Walk, garbled: Walk, way: list[Edge]) -> int:
    """Add a way to a walk, as one that only faults take; the number of its last edge."""
    source = way[0].source
    for edge in way:
        number = len(walk.edges)
        target = len(walk.states) if edge is not way[-1] and edge.target >= 0 else END
        walk.edges.append(replace(edge, source=source, target=target, sort="fault", behind=-1))
        if target >= 0:
            walk.states.append(garbled.states[edge.target]._replace(edge=number, faulted=True))
        source = target
    return number
