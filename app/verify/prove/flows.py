"""A flow with all flows that a call may come to from it, and every value in them with what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from app.flow.actions.action import Action
from app.flow.actions.do import Document, values_in
from app.flow.actions.values import find
from app.flow.checks.usage.facts import sent
from app.flow.language.lookups import AskedLookup
from app.flow.model import Assignment, Edge, Flow, Part, Step, Target, Value
from app.flow.templates import Expression

TOLD: Final = 1
"""What is only said or sent: it decides nothing, but it may be missing or of the wrong kind."""
DECIDES: Final = 2
"""What decides where a call goes, or how an action is made."""


class Use(NamedTuple):
    """A value or a condition, and how much depends on it: TOLD or DECIDES."""

    source: Value | Expression
    weight: int


def family(root: Flow) -> dict[str, Flow]:
    """The flow and those that a call may come to from it, by name."""
    return {root.name: root, **root.subs}


def asked_by(step: Step) -> Iterator[Use]:
    """What its look-ups send out, given and all."""
    for asking in step.asks:
        if isinstance(asking, AskedLookup):
            yield from (Use(value, TOLD) for value in asking.definition.values)
            yield from (Use(given.value, TOLD) for given in asking.given)


def sent_by(step: Step) -> Iterator[Use]:
    """What its hooks tell on entering."""
    yield from (Use(used.source, TOLD) for used in sent(step.sends))


def played_by(step: Step) -> Iterator[Use]:
    """What its actions are made of, the prompts of its retry included."""
    for part in step.parts:
        yield from _of_part(part)
    for use in step.exit.uses():
        if not isinstance(use, Expression):
            yield from _of_part(use)


def _of_part(part: Part) -> Iterator[Use]:
    spoken = part.fields.get("text") if isinstance(part, Action) and part.word == "talk" else None
    for value in values_in(part):
        yield Use(value, TOLD if value is spoken else DECIDES)


def tested_by(step: Step) -> Iterator[Use]:
    """The conditions of its exit."""
    for use in step.exit.uses():
        if isinstance(use, Expression):
            yield Use(use, DECIDES)


def targets_of(flow: Flow, step: Step) -> Iterator[Target]:
    """Where a step may lead, its error exit included."""
    yield from (edge.target for edge in step.exit.edges())
    error = step.error or flow.error
    if error is not None:
        yield error


def assigned(flow: Flow, step: Step) -> Iterator[tuple[str, str, Assignment]]:
    """Every assignment of a step and on its ways out, as (kind, flow, assignment).

    The kind is `own` for variables of this flow, `given` for params of the flow named, `returned` for what this flow
    gives back.
    """
    for assignment in (*step.sets, *(each for edge in step.exit.edges() for each in edge.sets)):
        yield "own", flow.name, assignment
    for target in targets_of(flow, step):
        for assignment in target.sets:
            yield "returned" if target.returns else "own", flow.name, assignment
        if target.runs is not None:
            yield from (("given", target.runs.flow, assignment) for assignment in target.runs.given)
    for part in step.parts:
        for name, given in _heard_runs(part):
            yield from (("given", name, assignment) for assignment in given)


def _heard_runs(part: Part) -> Iterator[tuple[str, tuple[Assignment, ...]]]:
    for target in getattr(part, "targets", ()):
        if target.heard is not None:
            yield target.heard.flow, target.heard.given


def runs_of(step: Step) -> str:
    """The flow that a step runs and that comes back to it; "" for none."""
    first = next(iter(step.exit.edges()), None)
    runs = first.target.runs if first is not None and step.exit.word == "run" else None
    return runs.flow if runs is not None else ""


def uses_in(flow: Flow) -> Iterator[Use]:
    """Every value and condition of a flow, but for what its later events tell; what is kept decides nothing yet."""
    for step in flow.steps.values():
        yield from asked_by(step)
        yield from sent_by(step)
        yield from played_by(step)
        yield from tested_by(step)
        yield from (Use(assignment.value, TOLD) for _, _, assignment in assigned(flow, step))


def lines_of(step: Step) -> tuple[Edge, ...]:
    """The ways out of a step, without the one into the flow that it runs."""
    edges = tuple(step.exit.edges())
    return edges[1:] if step.exit.word == "run" else edges


def dialled_by_computing(flow: Flow) -> set[str]:
    """The types of endpoint of which a call may compute the number or the address that is dialled."""
    parts = [part for step in flow.steps.values() for part in step.parts]
    if any(isinstance(part, Document) and not part.value.is_literal for part in parts):
        return {"phone", "sip"}
    parties = (target for part in parts for target in getattr(part, "targets", ()))
    computed = (party for party in parties if party.numbers is not None or party.is_computed)
    return {str(find(party.fields["endpoint"], ("0", "type")).render({})) for party in computed}
