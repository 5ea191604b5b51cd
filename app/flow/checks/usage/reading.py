"""The names that the values and conditions of a flow look up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.flow.actions.values import leaves
from app.flow.model import Value
from app.flow.templates import Computed, Expression, Native
from app.flow.templates.references import Reference, references


def reads_in(source: Value | Expression) -> Iterator[Reference]:
    """Every name that a value or a condition looks up."""
    if isinstance(source, Expression):
        yield from references(source.template, is_condition=True)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from references(leaf.template)


def needs_in(source: Value | Expression) -> Iterator[Reference]:
    """Every name without which a value or a condition cannot be computed.

    What stands in front of `default` is none, nor is a name of which the same text asks whether it `is defined`.
    """
    found = tuple(reads_in(source))
    asked = names_asked_for(found)
    return (each for each in found if each.is_needed and each.name not in asked)


def names_asked_for(found: Iterable[Reference]) -> frozenset[str]:
    """The names of which an expression asks whether they are defined."""
    return frozenset(each.name for each in found if each.is_asked)
