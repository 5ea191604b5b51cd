"""What an expression says of the values in it: how they grow, and whether it matters that there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.flow.expressions.syntax import Compared, Const, Defined, Either, Filtered, Items, Logic, Node, Not, Sum, walk
from app.verify.prove.reading import Tree, is_plain, path_of

_KEEPING: Final = frozenset({"int", "number", "round", "default", "length"})
"""Filters behind which a number is what it was, or no larger than an input."""


def is_number(value: object) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def offsets_in(node: Node) -> Iterator[float]:
    """The numbers that are added or taken away in an expression."""
    for part in walk(node):
        if isinstance(part, Sum):
            yield from (
                each.value for each in (part.left, part.right) if isinstance(each, Const) and is_number(each.value)
            )


def growth_of(node: Node) -> set[str]:
    """How a value changes that is computed so: rises, sinks, or is free of what it was."""
    match node:
        case Const():
            return set()
        case Sum(right=Const(value=int() | float() as step), op=op) if path_of(node.left) is not None:
            return {"rises" if (step > 0) == (op == "+") else "sinks"} if step else set()
        case Sum(left=Const(value=int() | float() as step), op="+") if path_of(node.right) is not None:
            return {"rises" if step > 0 else "sinks"} if step else set()
        case Either():
            return growth_of(node.then) | growth_of(node.other)
        case Filtered(of=of) if node.name in _KEEPING:
            return growth_of(of)
    return set() if path_of(node) is not None else {"free"}


def asked_for_truth(tree: Tree) -> Iterator[Node]:
    """The names that a test asks for being there at all."""
    if tree.is_test:
        yield from _operands(tree.node)
    for part in walk(tree.node):
        if isinstance(part, Either):
            yield from _operands(part.test)
        elif isinstance(part, Defined) or (
            isinstance(part, Filtered) and part.name == "default" and len(part.args) > 1
        ):
            yield part.of


def _operands(node: Node) -> Iterator[Node]:
    match node:
        case Logic():
            yield from _operands(node.left)
            yield from _operands(node.right)
        case Not():
            yield from _operands(node.of)
        case Compared() | Sum():
            return
        case _:
            yield node


def is_held_as_it_is(node: Compared) -> bool:
    """Whether a name itself is held against something that is written."""
    sides = (node.left, node.right)
    return any(is_plain(side) for side in sides) and any(_is_written(side) for side in sides)


def _is_written(node: Node) -> bool:
    return isinstance(node, Const) or (isinstance(node, Items) and all(map(_is_written, node.items)))
