"""Everything that a step computes and tests, in the order in which a call comes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from app.flow.actions.do import values_in
from app.flow.language.hooks import OWN_NAMES, SentHook
from app.flow.language.lookups import AskedLookup
from app.flow.model import Assignment, Edge, Part, Sending, Step, Target, Value
from app.flow.templates import Expression

_NONE: frozenset[str] = frozenset()


class Used(NamedTuple):
    """A value or a condition of a step.

    Attributes:
        source: it.
        is_early: it is computed before the look-ups of the step are answered.
        is_told: it is what a hook tells; that may be shared, or told much later.
        own: names that mean something of its own there, such as the params of a look-up.
    """

    source: Value | Expression
    is_early: bool = False
    is_told: bool = False
    own: frozenset[str] = _NONE


def used_in(step: Step) -> Iterator[Used]:
    """Everything that a step computes and tests."""
    for asked in [asking for asking in step.asks if isinstance(asking, AskedLookup)]:
        yield from asked_in(asked)
    yield from _assigned(step.sets)
    yield from sent(step.sends)
    for part in parts_of(step):
        yield from map(Used, values_in(part))
    for use in step.exit.uses():
        if isinstance(use, Expression):
            yield Used(use)
    for edge in step.exit.edges():
        yield from _on_the_way(edge)
    yield from target_values(step.error)
    for each in step.events.values():
        yield from sent(each)


def parts_of(step: Step) -> Iterator[Part]:
    """Everything that it plays, the prompts of its retry included."""
    yield from step.parts
    yield from (use for use in step.exit.uses() if not isinstance(use, Expression))


def tests_of(step: Step) -> Iterator[Expression]:
    """The conditions of its exit."""
    yield from (use for use in step.exit.uses() if isinstance(use, Expression))


def asked_in(asked: AskedLookup) -> Iterator[Used]:
    """What a look-up is asked with."""
    params = frozenset(asked.definition.params)
    yield from (Used(value, is_early=True, own=params) for value in asked.definition.values)
    yield from (Used(given.value, is_early=True) for given in asked.given)


def sent(sendings: Iterable[Sending]) -> Iterator[Used]:
    """What hooks tell."""
    for hook in [sending for sending in sendings if isinstance(sending, SentHook)]:
        own = OWN_NAMES.union(hook.definition.params)
        yield from (Used(value, is_told=True, own=own) for value in hook.definition.values)
        yield from (Used(given.value, is_told=True) for given in hook.given)


def _assigned(assignments: tuple[Assignment, ...]) -> Iterator[Used]:
    for assignment in assignments:
        yield Used(assignment.value)


def _on_the_way(edge: Edge) -> Iterator[Used]:
    yield from _assigned(edge.sets)
    yield from target_values(edge.target)


def target_values(target: Target | None) -> Iterator[Used]:
    """What is assigned and given on the way to a target."""
    if target is not None:
        yield from _assigned(target.sets)
        if target.runs is not None:
            yield from _assigned(target.runs.given)
