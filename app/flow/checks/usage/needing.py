"""Which names a value cannot do without: all that it reads, but where it says what holds when there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from app.flow.templates import Expression
from app.flow.expressions.check import Located
from app.flow.expressions.syntax import Cut, Defined, Field, Filtered, Node, Picked, children, root_names, walk
from app.flow.expressions.touching import COUNTING, is_held, keys_of, way_of
from app.flow.model import Value
from app.flow.nodes import Place
from app.flow.parts.values import leaves
from app.flow.paths import Path
from app.flow.templates import Computed, Native
from app.flow.templates.plan import Unit
from app.flow.templates.tree import For, If, Include, Output, Part, Set

Ways: TypeAlias = Mapping[str, tuple[str, Path]]


class Need(NamedTuple):
    """A name that a value needs.

    Attributes:
        path: the way to what of it is meant; () for all of it.
        is_passed: what it leads to is only handed on, counted or gone over: what is further in is not needed yet.
    """

    name: str
    path: Path
    place: Place
    is_passed: bool = False

    @property
    def field(self) -> str:
        """The field of the name that is meant, "" for all of it."""
        return self.path[0] or "" if self.path else ""

    def needs(self, path: Path) -> bool:
        """Whether it cannot do without what stands there."""
        return is_held(self.path, path, self.is_passed)


class _Read(NamedTuple):
    """An expression of a text.

    Attributes:
        ways: the names that the text has given to something, each with the name and the way that it stands for.
        is_passed: as for `Need`.
    """

    node: Node
    text: Located
    ways: Ways
    is_passed: bool = False


def needs_in(source: Value | Expression) -> Iterator[Need]:
    """Every name without which a value or a condition cannot be computed.

    What stands in front of `default` is none, nor is a name of which the same text asks whether it `is defined`.
    """
    read = tuple(_read_in(source))
    asked = frozenset[str]().union(*(_asked_in(each) for each in read))
    for each in read:
        yield from (need for need in _needs(each) if need.name not in asked)


def asked_for(nodes: Iterator[Node]) -> frozenset[str]:
    """The names of which expressions ask whether they are defined."""
    found = (part for node in nodes for part in walk(node) if isinstance(part, Defined))
    return frozenset[str]().union(*(root_names(part.of) for part in found))


def _asked_in(read: _Read) -> frozenset[str]:
    names = asked_for(iter((read.node,)))
    return frozenset(read.ways[name][0] if name in read.ways else name for name in names)


def _read_in(source: Value | Expression) -> Iterator[_Read]:
    if isinstance(source, Expression):
        yield _Read(source.node, source.text, {})
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from _Texts({}).read(leaf.unit)


@dataclass(slots=True)
class _Texts:
    """Reads a text with what it includes, in their order.

    Attributes:
        ways: the names that it has given so far; see `_Read`.
    """

    ways: dict[str, tuple[str, Path]]

    def read(self, unit: Unit) -> Iterator[_Read]:
        """Every expression of a text."""
        included = (mark for mark in unit.marks if isinstance(mark, Unit))
        yield from self._parts(unit.parts, unit, included)

    def _parts(self, parts: tuple[Part, ...], unit: Unit, included: Iterator[Unit]) -> Iterator[_Read]:
        for part in parts:
            match part:
                case Output(node=node):
                    yield self._of(node, unit)
                case Set(node=node, name=name):
                    yield self._of(node, unit, is_passed=True)
                    self._give(name.text, node)
                case Include():
                    yield from self.read(next(included))
                case If(arms=arms):
                    for test, body in arms:
                        yield from (self._of(test, unit, is_passed=True),) if test is not None else ()
                        yield from self._parts(body, unit, included)
                case For(of=of, body=body, other=other):
                    yield from (self._of(of, unit, is_passed=True),) if of is not None else ()
                    for name in part.names:
                        self._give(name.text, of, None)
                    yield from self._parts(body + other, unit, included)
                case _:
                    pass

    def _of(self, node: Node, unit: Unit, *, is_passed: bool = False) -> _Read:
        return _Read(node, unit.text, dict(self.ways), is_passed)

    def _give(self, name: str, node: Node | None, *entry: None) -> None:
        """From here on `name` stands for what `node` leads to, or for an entry of it."""
        self.ways.pop(name, None)
        way = way_of(node) if node is not None else None
        if way is not None:
            root, path = self.ways.get(way[0], (way[0], ()))
            self.ways[name] = (root, (*path, *way[1], *entry))


def _needs(read: _Read, whole: Node | None = None) -> Iterator[Need]:
    """The names of an expression; `whole` is the entry or the field that it is part of."""
    node = read.node
    shown = whole or node
    way = way_of(node)
    if way is not None:
        root, path = read.ways.get(way[0], (way[0], ()))
        place = read.text.at(shown.start, shown.end - shown.start)
        yield Need(root, (*path, *way[1]), place, read.is_passed)
        for key in keys_of(node):
            yield from _needs(read._replace(node=key, is_passed=False))
        return
    read = read._replace(is_passed=False)
    match node:
        case Field(of=of) | Cut(of=of) | Picked(of=of):
            yield from _needs(read._replace(node=of), shown)
            yield from (need for key in keys_of(node) for need in _needs(read._replace(node=key)))
        case Filtered(name="default", args=args):
            yield from (need for arg in args for need in _needs(read._replace(node=arg)))
        case Filtered(name=name, of=of) if name == COUNTING:
            yield from _needs(read._replace(node=of, is_passed=True))
        case Defined():
            pass
        case _:
            yield from (need for child in children(node) for need in _needs(read._replace(node=child)))
