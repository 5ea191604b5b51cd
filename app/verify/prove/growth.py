"""What an expression says of the values in it: how they grow, and whether it matters that there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from app.flow.templates.references import Occurrence, walk
from app.verify.prove.reading import is_plain, is_test, path_of

_KEEPING: Final = frozenset({"int", "number", "round", "default", "length"})
"""Filters behind which a number is what it was, or no larger than an input."""


def is_number(value: object) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def offsets_in(node: nodes.Node) -> Iterator[float]:
    """The numbers that are added or taken away in an expression."""
    for part in walk(node):
        if isinstance(part, nodes.Add | nodes.Sub):
            sides = (part.left, part.right)
            yield from (each.value for each in sides if isinstance(each, nodes.Const) and is_number(each.value))


def growth_of(node: nodes.Node) -> set[str]:
    """How a value changes that is computed so: rises, sinks, or is free of what it was."""
    match node:
        case nodes.Const():
            return set()
        case nodes.Add(left=of, right=nodes.Const(value=int() | float() as step)) if path_of(of) is not None:
            return {"rises" if step > 0 else "sinks"} if step else set()
        case nodes.Sub(left=of, right=nodes.Const(value=int() | float() as step)) if path_of(of) is not None:
            return {"sinks" if step > 0 else "rises"} if step else set()
        case nodes.Add(left=nodes.Const(value=int() | float() as step), right=of) if path_of(of) is not None:
            return {"rises" if step > 0 else "sinks"} if step else set()
        case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
            return growth_of(then) | growth_of(other)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name in _KEEPING:
            return growth_of(of)
    return set() if path_of(node) is not None else {"free"}


def asked_for_truth(tree: Occurrence) -> Iterator[nodes.Node]:
    """The names that a test asks for being there at all."""
    if is_test(tree):
        yield from _operands(tree.node)
    for part in walk(tree.node):
        match part:
            case nodes.CondExpr(test=test):
                yield from _operands(test)
            case nodes.Test(node=of) | nodes.Filter(node=nodes.Expr() as of, name="default", args=[_, _]):
                yield of


def _operands(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            yield from _operands(left)
            yield from _operands(right)
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield from _operands(of)
        case nodes.Compare() | nodes.Add() | nodes.Sub():
            return
        case _:
            yield node


def is_held_as_it_is(node: nodes.Compare) -> bool:
    """Whether a name itself is held against something that is written."""
    sides = (node.expr, node.ops[0].expr)
    return any(is_plain(side) for side in sides) and any(_is_written(side) for side in sides)


def _is_written(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.List) and all(map(_is_written, node.items)))
