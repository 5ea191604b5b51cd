"""What callers hear when a webhook gets lost, a reply is refused, or something fails where a flow catches it."""

from __future__ import annotations

from collections.abc import Iterator

from app.verify.prove.violation import Violation, at, where_from, where_to
from app.verify.prove.walked import END, Edge, Walk


def after_faults(walk: Walk) -> Iterator[Violation]:
    """Faults that callers hear nothing of, and error exits that fail themselves."""
    seen: set[tuple[str, str, str]] = set()
    for number, edge in enumerate(walk.edges):
        for violation in () if edge.is_party else _of(walk, number, edge):
            key = (violation.kind, violation.flow, violation.step)
            if key not in seen:
                seen.add(key)
                yield violation


def _of(walk: Walk, number: int, edge: Edge) -> Iterator[Violation]:
    if not edge.heard.is_caught:
        yield _lost(walk, number, edge)
    if edge.sort != "fault":
        return
    if not edge.heard.is_heard and edge.target == END:
        yield _silent(walk, number, edge)
    if edge.is_failsafe and edge.entered:
        yield _failing_twice(walk, number, edge)


def _lost(walk: Walk, number: int, edge: Edge) -> Violation:
    flow, step = where_to(walk, edge)
    what, cure = f'the answer to the `input` of step "{step}"', "delete `tail: false`, or say something behind it"
    if not edge.heard.listens:
        what, cure = f'the webhook of the checkpoint of step "{step}"', "say something before it"
    message = f"when {what} gets lost, the caller hears nothing more"
    return at(walk, number, (flow, step), kind="lost_webhook", message=message, cure=cure)


def _silent(walk: Walk, number: int, edge: Edge) -> Violation:
    flow, step = where_from(walk, edge)
    message = f'when something fails in step "{step}", its error exit ends the call without a word'
    cure = "let `on: {error: ..}` lead to a step that speaks"
    return at(walk, number, (flow, step), kind="silent_fault", message=message, cure=cure)


def _failing_twice(walk: Walk, number: int, edge: Edge) -> Violation:
    """The step that catches a fault has a fault of its own."""
    flow, step = edge.entered[-1]
    why = f"{edge.failed[-1][2]} {edge.failed[-1][3]}" if edge.failed else ""
    message = f'step "{step}", which an error exit leads to, fails itself, and the failsafe is all that is heard: {why}'
    cure = "let it say what is known whatever has failed: texts without values of the call"
    return at(walk, number, (flow, step), kind="failsafe", message=message, cure=cure)
