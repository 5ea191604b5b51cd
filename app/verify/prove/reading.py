"""What the values of a flow read: the paths of names in them, such as `customer.tier`, and how each of them counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from app.flow.templates import Expression
from app.flow.expressions.syntax import Cut, Field, Filtered, Name, Node, Picked, Sum, children
from app.flow.model import Value
from app.flow.parts.values import Localised, OfCall, OurNumber, leaves
from app.flow.templates import Computed, Native
from app.flow.templates.plan import Unit, Written
from app.flow.templates.tree import For, If, Output, Part, Set

Path: TypeAlias = tuple[str, ...]
"""A name, then the fields within it; `[]` is any entry of a list, `#` a length."""

ENTRY: Final = "[]"
LENGTH: Final = "#"
_FILTERS: Final = {"length": LENGTH, "first": ENTRY, "last": ENTRY}
_HARMLESS: Final = frozenset({"upper", "lower", "title", "capitalize", "trim", "text", "default", "length"})
"""Filters that take every value of a type alike: what is empty stays empty, and nothing else becomes so."""
_CHOOSY: Final = frozenset({"_number", "_header", "_json_bare", "_url_base", "_url_host"})
"""Escapers that refuse some values."""
_ANYTHING: Final = frozenset({"text", "any"})
"""Types that every value fits which can be written."""


class Tree(NamedTuple):
    """One expression of a value; `is_test` says that it decides, by being true or false."""

    node: Node
    is_test: bool


def trees_of(source: Value | Expression) -> Iterator[Tree]:
    """Every expression that a value or a condition is made of."""
    if isinstance(source, Expression):
        yield Tree(source.node, True)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from _of_unit(leaf.unit)


def _of_unit(unit: Unit) -> Iterator[Tree]:
    yield from _of_parts(unit.parts)
    for mark in unit.marks:
        if isinstance(mark, Unit):
            yield from _of_unit(mark)


def _of_parts(parts: tuple[Part, ...]) -> Iterator[Tree]:
    for part in parts:
        match part:
            case Output():
                yield Tree(part.node, False)
            case Set():
                yield Tree(part.node, True)
            case If():
                for test, body in part.arms:
                    if test is not None:
                        yield Tree(test, True)
                    yield from _of_parts(body)
            case For():
                if part.of is not None:
                    yield Tree(part.of, True)
                yield from _of_parts(part.body + part.other)
            case _:
                pass


def paths_in(node: Node) -> Iterator[Path]:
    """The longest paths in an expression."""
    path = path_of(node)
    if path is not None:
        yield path
        yield from _keys_in(node)
        return
    for child in children(node):
        yield from paths_in(child)


def _keys_in(node: Node) -> Iterator[Path]:
    """What the computed keys of a path read."""
    while not isinstance(node, Name):
        if isinstance(node, Picked):
            yield from paths_in(node.key)
        (node, *_) = children(node)


def path_of(node: Node) -> Path | None:
    """The path that a node is; None when it computes something."""
    match node:
        case Name(name=name):
            return (name,)
        case Cut(of=of):
            return path_of(of)
        case Field(of=of, key=str(key)) | Filtered(of=of, name=str(key)):
            step = _FILTERS.get(key) if isinstance(node, Filtered) else key
        case Field(of=of) | Picked(of=of):
            step = ENTRY
        case _:
            return None
    path = path_of(of)
    return None if path is None or step is None else (*path, step)


def read_by(source: Value | Expression) -> Iterator[tuple[Path, bool]]:
    """Every path that a value or condition reads, and whether it decides there.

    What is only written down decides nothing. What is cast, looked up, cut, counted or computed does: some values of it
    may lead to the error exit, and others not.
    """
    for tree in trees_of(source):
        yield from ((path, tree.is_test or decides) for path, decides in _weighed(tree.node, decides=False))
    if isinstance(source, Expression):
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed) and is_choosy(leaf):
            yield from ((path, True) for tree in trees_of(leaf) for path in paths_in(tree.node))
        elif isinstance(leaf, OfCall):
            yield ("call", leaf.name), False
        elif isinstance(leaf, OurNumber):
            yield ("call", "to"), False
    if isinstance(source, Localised):
        yield ("locale",), True


def may_fail_by(value: Value) -> set[str]:
    """The names whose values may make an assignment fail, but for sums, which numbers do not."""
    found: set[str] = set()
    for tree in trees_of(value):
        weighed = _weighed(tree.node, decides=tree.is_test, sums=False)
        found |= {path[0] for path, decides in weighed if decides}
    return found


def is_choosy(leaf: Native | Computed) -> bool:
    """Whether only some values can be written there, or are of the type that is needed."""
    is_cast = leaf.type.name not in _ANYTHING or bool(leaf.type.words)
    return is_cast or any(mark.escaper in _CHOOSY for mark in _marks(leaf.unit))


def _marks(unit: Unit) -> Iterator[Written]:
    for mark in unit.marks:
        if isinstance(mark, Unit):
            yield from _marks(mark)
        else:
            yield mark


def _weighed(node: Node, *, decides: bool, sums: bool = True) -> Iterator[tuple[Path, bool]]:
    """Each path in an expression, and whether its value decides there."""
    if is_plain(node):
        path = path_of(node)
        if path is not None:
            yield path, decides
    elif isinstance(node, Filtered) and node.name in _HARMLESS:
        yield from _weighed(node.of, decides=decides, sums=sums)
        for arg in node.args:
            yield from _weighed(arg, decides=decides, sums=sums)
    else:
        decides = decides or sums or not isinstance(node, Sum)
        path = path_of(node)
        if path is not None:
            yield path, decides
        for child in children(node):
            yield from _weighed(child, decides=decides, sums=sums)


def is_plain(node: Node) -> bool:
    """A name, or fields within it by their names."""
    while isinstance(node, Field) and isinstance(node.key, str):
        node = node.of
    return isinstance(node, Name)
