"""Which names a value cannot do without: all that it reads, but where it says what holds when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from app.flow.expressions import Expression
from app.flow.expressions.check import Located
from app.flow.expressions.syntax import Cut, Defined, Field, Filtered, Name, Node, Picked, children, root_names, walk
from app.flow.model import Value
from app.flow.nodes import Place
from app.flow.parts.values import leaves
from app.flow.templates import Computed, Native
from app.flow.templates.plan import Unit
from app.flow.templates.tree import For, If, Include, Output, Part, Set


class Need(NamedTuple):
    """A name that a value needs; `field` is the one of it that is meant, "" for all of it."""

    name: str
    field: str
    place: Place


def needs_in(source: Value | Expression) -> Iterator[Need]:
    """Every name without which a value or a condition cannot be computed.

    What stands in front of `default` is none, nor is a name of which the same text asks whether it `is defined`.
    """
    read = tuple(_nodes_of(source))
    asked = asked_for(node for node, _ in read)
    for node, text in read:
        yield from (need for need in _needs(node, text) if need.name not in asked)


def asked_for(nodes: Iterator[Node]) -> frozenset[str]:
    """The names of which expressions ask whether they are defined."""
    found = (part for node in nodes for part in walk(node) if isinstance(part, Defined))
    return frozenset[str]().union(*(root_names(part.of) for part in found))


def _nodes_of(source: Value | Expression) -> Iterator[tuple[Node, Located]]:
    if isinstance(source, Expression):
        yield source.node, source.text
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from _nodes_in(leaf.unit)


def _nodes_in(unit: Unit) -> Iterator[tuple[Node, Located]]:
    included = (mark for mark in unit.marks if isinstance(mark, Unit))
    for part in _flat(unit.parts):
        if isinstance(part, Include):
            yield from _nodes_in(next(included))
        else:
            yield part, unit.text


def _flat(parts: tuple[Part, ...]) -> Iterator[Node | Include]:
    """Every expression of a text, and every file that it includes, in the order of the text."""
    for part in parts:
        match part:
            case Output(node=node) | Set(node=node):
                yield node
            case Include():
                yield part
            case If(arms=arms):
                for test, body in arms:
                    yield from (test,) if test is not None else ()
                    yield from _flat(body)
            case For(of=of, body=body, other=other):
                yield from (of,) if of is not None else ()
                yield from _flat(body + other)
            case _:
                pass


def _needs(node: Node, text: Located, whole: Node | None = None) -> Iterator[Need]:
    """The names of an expression; `whole` is the entry or the field that it is part of."""
    shown = whole or node
    place = text.at(shown.start, shown.end - shown.start)
    match node:
        case Name(name=name):
            yield Need(name, "", place)
        case Field(of=Name(name=name), key=key):
            yield Need(name, str(key), place)
        case Field(of=of) | Cut(of=of):
            yield from _needs(of, text, shown)
        case Picked(of=of, key=key):
            yield from _needs(of, text, shown)
            yield from _needs(key, text)
        case Filtered(name="default", args=args):
            yield from (need for arg in args for need in _needs(arg, text))
        case Defined():
            pass
        case _:
            yield from (need for child in children(node) for need in _needs(child, text))
