"""Which names a value looks up, where each stands, and whether something tests the name before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.flow.expressions import Expression
from app.flow.expressions.check import Located
from app.flow.expressions.syntax import (
    Compared,
    Const,
    Cut,
    Defined,
    Either,
    Field,
    Filtered,
    Logic,
    Name,
    Node,
    Not,
    Picked,
    children,
    root_names,
    walk,
)
from app.flow.language.returned import OK
from app.flow.model import Value
from app.flow.nodes import Place
from app.flow.parts.values import leaves
from app.flow.templates import Computed, Native
from app.flow.templates.plan import Unit
from app.flow.templates.tree import For, If, Include, Output, Part, Set

_NOTHING: frozenset[str] = frozenset()


class Read(NamedTuple):
    """A name that a value looks up.

    Attributes:
        name: the root name.
        field: the field of it that is meant; "" for all of it.
        place: of the name with its fields.
        is_bare: its value counts, and nothing around it has asked whether there is one.
    """

    name: str
    field: str
    place: Place
    is_bare: bool


def reads_in(source: Value | Expression) -> Iterator[Read]:
    """Every name that a value or a condition looks up."""
    if isinstance(source, Expression):
        yield from _Reader(source.text).tested(source.node, _NOTHING, is_truth=False)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from _unit(leaf.unit, _NOTHING)


def _unit(unit: Unit, tested: frozenset[str]) -> Iterator[Read]:
    """The names of one text and of what it includes; `tested` are those that something around it tests."""
    included = (mark for mark in unit.marks if isinstance(mark, Unit))
    yield from _parts(unit.parts, _Reader(unit.text), included, tested)


def _parts(
    parts: tuple[Part, ...], reader: _Reader, included: Iterator[Unit], tested: frozenset[str]
) -> Iterator[Read]:
    for part in parts:
        match part:
            case Output():
                yield from reader.told(part.node, tested)
            case If():
                yield from _if(part, reader, included, tested)
            case For():
                inner = tested | (root_names(part.of) if part.of else _NOTHING)
                yield from reader.told(part.of, inner) if part.of else ()
                yield from _parts(part.body + part.other, reader, included, inner)
            case Set():
                yield from reader.told(part.node, tested | root_names(part.node))
            case Include():
                yield from _unit(next(included), tested)
            case _:
                pass


def _if(part: If, reader: _Reader, included: Iterator[Unit], tested: frozenset[str]) -> Iterator[Read]:
    within = tested.union(*(root_names(test) for test, _ in part.arms if test is not None))
    for test, body in part.arms:
        if test is not None:
            yield from reader.tested(test, tested, is_truth=True)
        yield from _parts(body, reader, included, within)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the expressions of one text."""

    text: Located

    def told(self, node: Node, tested: frozenset[str], whole: Node | None = None) -> Iterator[Read]:
        """The names of what is computed; `whole` is the entry or the field that a name is part of."""
        match node:
            case Name():
                yield self._read(node.name, "", whole or node, tested)
            case Field(of=Name(name=name), key=key):
                yield self._read(name, str(key), whole or node, tested)
            case Field() | Cut():
                yield from self.told(node.of, tested, whole or node)
            case Picked():
                yield from self.told(node.of, tested, whole or node)
                yield from self.told(node.key, tested)
            case Filtered(name="default"):
                yield from self.told(node.of, tested | root_names(node.of))
                yield from self._each(node.args, tested)
            case Defined():
                yield from self.told(node.of, tested | root_names(node.of))
            case Either():
                yield from self.tested(node.test, tested, is_truth=True)
                yield from self._each((node.then, node.other), tested | root_names(node.test))
            case Logic():
                yield from self.tested(node, tested, is_truth=True)
            case _:
                yield from self._each(children(node), tested)

    def tested(self, node: Node, tested: frozenset[str], *, is_truth: bool) -> Iterator[Read]:
        """The names of a condition; with `is_truth` a name that stands alone only asks whether there is a value."""
        yield from self._tested(node, tested | _asked_for(node), is_truth)

    def _tested(self, node: Node, tested: frozenset[str], is_truth: bool) -> Iterator[Read]:
        match node:
            case Logic():
                yield from self._tested(node.left, tested, is_truth)
                yield from self._tested(
                    node.right, tested | (root_names(node.left) if is_truth else _NOTHING), is_truth
                )
            case Not():
                yield from self._tested(node.of, tested, is_truth)
            case Name() | Field() if is_truth:
                yield from self.told(node, tested | root_names(node))
            case _:
                yield from self.told(node, tested)

    def _each(self, nodes: tuple[Node, ...], tested: frozenset[str]) -> Iterator[Read]:
        for node in nodes:
            yield from self.told(node, tested)

    def _read(self, name: str, field: str, whole: Node, tested: frozenset[str]) -> Read:
        place = self.text.at(whole.start, whole.end - whole.start)
        return Read(name, field, place, name not in tested and field != OK)


def _asked_for(node: Node) -> frozenset[str]:
    """The names of which a condition asks whether there is a value: `x.ok`, `x is defined`, `x.name != ""`."""
    found: set[str] = set()
    for part in walk(node):
        match part:
            case Field(of=Name(name=name), key="ok"):
                found.add(name)
            case Defined(of=of) | Compared(left=of, op="==" | "!=", right=Const(value="")):
                found |= root_names(of)
            case Compared(left=Const(value=""), op="==" | "!=", right=of):
                found |= root_names(of)
            case _:
                pass
    return frozenset(found)
