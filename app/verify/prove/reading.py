"""What the values of a flow read: the paths of names in them, such as `customer.tier`, and how each of them counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from jinja2 import nodes

from app.flow.actions.values import Localised, OfCall, OurNumber, leaves
from app.flow.model import Value
from app.flow.templates import Computed, Expression, Native
from app.flow.templates.references import Occurrence, is_computed, occurrences, operand_of

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


def trees_of(source: Value | Expression) -> Iterator[Occurrence]:
    """Every expression that a value or a condition is made of."""
    if isinstance(source, Expression):
        yield from occurrences(source.template, is_condition=True)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from occurrences(leaf.template)


def is_test(tree: Occurrence) -> bool:
    """Whether an expression decides, by being true or false."""
    return tree.role != "output"


def paths_in(node: nodes.Node) -> Iterator[Path]:
    """The longest paths in an expression."""
    path = path_of(node)
    if path is not None:
        yield path
        yield from _keys_in(node)
        return
    for child in node.iter_child_nodes():
        yield from paths_in(child)


def _keys_in(node: nodes.Node) -> Iterator[Path]:
    """What the computed keys of a path read."""
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        if isinstance(node, nodes.Getitem) and is_computed(node.arg):
            yield from paths_in(node.arg)
        node = operand_of(node) if isinstance(node, nodes.Filter) else node.node


def path_of(node: nodes.Node) -> Path | None:
    """The path that a node is; None when it computes something."""
    match node:
        case nodes.Name(name=name):
            return (name,)
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return path_of(of)
        case nodes.Getattr(node=of, attr=attr):
            step: str | None = attr
        case nodes.Filter(node=nodes.Expr() as of, name=name):
            step = _FILTERS.get(name)
        case nodes.Getitem(node=of):
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
        yield from ((path, is_test(tree) or decides) for path, decides in _weighed(tree.node, decides=False))
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
        weighed = _weighed(tree.node, decides=is_test(tree), sums=False)
        found |= {path[0] for path, decides in weighed if decides}
    return found


def is_choosy(leaf: Native | Computed) -> bool:
    """Whether only some values can be written there, or are of the type that is needed."""
    is_cast = leaf.type.name not in _ANYTHING or bool(leaf.type.words)
    return is_cast or (isinstance(leaf, Computed) and not _CHOOSY.isdisjoint(leaf.escapers.values()))


def _weighed(node: nodes.Node, *, decides: bool, sums: bool = True) -> Iterator[tuple[Path, bool]]:
    """Each path in an expression, and whether its value decides there."""
    if is_plain(node):
        path = path_of(node)
        if path is not None:
            yield path, decides
    elif isinstance(node, nodes.Filter) and node.name in _HARMLESS:
        for part in (operand_of(node), *node.args):
            yield from _weighed(part, decides=decides, sums=sums)
    else:
        decides = decides or sums or not isinstance(node, nodes.Add | nodes.Sub)
        path = path_of(node)
        if path is not None:
            yield path, decides
        for child in node.iter_child_nodes():
            yield from _weighed(child, decides=decides, sums=sums)


def is_plain(node: nodes.Node) -> bool:
    """A name, or fields within it by their names."""
    while isinstance(node, nodes.Getattr):
        node = node.node
    return isinstance(node, nodes.Name)
