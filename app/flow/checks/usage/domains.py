"""What the names of a condition can be: declared words, true or false, or values that the condition tells apart.

A condition is looked at as a formula over them. Whatever it says of other things is an atom that may or may not hold,
independently of all the rest; so what never holds here never holds in a call either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import prod
from typing import Any, TypeAlias

from jinja2 import nodes

from app.flow.scope import Record, ScopeTypes, Shape
from app.flow.templates.environment import compare
from app.flow.types import ValueType

Key: TypeAlias = tuple[Any, ...]
World: TypeAlias = Mapping[Key, Any]
Formula: TypeAlias = Callable[[World], bool]

_OTHER = "\0"
"""A text that differs from all that is written."""
_FORMS = {"ne": "eq", "notin": "in", "gteq": "lt", "lteq": "gt"}
"""Comparisons that are the opposite of another one."""


def key_of(node: nodes.Node) -> Key:
    """What tells two expressions apart, wherever they stand."""
    own = (value for _, value in node.iter_fields())
    plain = tuple((type(value).__name__, value) for value in own if isinstance(value, str | int | float))
    return (type(node).__name__, plain, tuple(key_of(child) for child in node.iter_child_nodes()))


def shape_of(scope: ScopeTypes, node: nodes.Node) -> Shape | None:
    """The type of a name or of a field of one; None for anything else."""
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = shape_of(scope, node.node) if isinstance(node, nodes.Getattr) else None
    if isinstance(node, nodes.Getattr) and isinstance(of, Record):
        return of.fields.get(node.attr, of.rest)
    return of.fields.get(node.attr) if isinstance(node, nodes.Getattr) and isinstance(of, ValueType) else None


@dataclass(slots=True)
class Domains:
    """The formulas of some conditions, and what their names can be.

    Attributes:
        scope: the types of names.
        lengths: of names that digits have been keyed into: how many, at least and at most; by their keys.
        values: by the key of a name, of a field or of an atom.
    """

    scope: ScopeTypes
    lengths: Mapping[Key, tuple[int, int]] = field(default_factory=dict)
    values: dict[Key, dict[Any, None]] = field(default_factory=dict)

    def formula(self, node: nodes.Node) -> Formula:
        """The condition, to be asked with a value for every key."""
        match node:
            case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
                first, second = self.formula(left), self.formula(right)
                if isinstance(node, nodes.And):
                    return lambda world: first(world) and second(world)
                return lambda world: first(world) or second(world)
            case nodes.Not(node=of):
                inner = self.formula(of)
                return lambda world: not inner(world)
            case nodes.Const(value=bool() as value):
                return lambda world: value
            case nodes.Compare(expr=left, ops=[nodes.Operand(op=op, expr=right)]):
                return self._compared(left, op, right)
            case _:
                return self._atom(node)

    def worlds(self, most: int) -> Iterator[World] | None:
        """Every combination of values; None when there are more than `most`."""
        domains = [self._domain(key, _with_between(tuple(values))) for key, values in self.values.items()]
        if prod(map(len, domains)) > most:
            return None
        return (dict(zip(self.values, each, strict=True)) for each in product(*domains))

    def _domain(self, key: Key, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of the values that can have been keyed in."""
        return tuple(filter(_keyed(*self.lengths[key]), values)) if key in self.lengths else values

    def _atom(self, node: nodes.Node) -> Formula:
        key = key_of(node)
        self.values.setdefault(key, {True: None, False: None})
        return lambda world: bool(world[key])

    def _compared(self, left: nodes.Expr, written: str, right: nodes.Expr) -> Formula:
        is_opposite, op = written in _FORMS, _FORMS.get(written, written)
        known = self._known(left, op, right)
        if known is None:
            known = self._atom(nodes.Compare(left, [nodes.Operand(op, right)]))
        found = known
        return (lambda world: not found(world)) if is_opposite else found

    def _known(self, left: nodes.Expr, op: str, right: nodes.Expr) -> Formula | None:
        """A comparison of a name with literals."""
        if op != "in" and isinstance(left, nodes.Const):
            op = {"lt": "gt", "gt": "lt"}.get(op, op)
            return self._with_literal(right, op, _literal(left))
        return self._with_literal(left, op, _literal(right))

    def _with_literal(self, node: nodes.Node, op: str, literal: Any) -> Formula | None:
        shape = shape_of(self.scope, node)
        written = literal if isinstance(literal, tuple) else (literal,)
        if not isinstance(shape, ValueType) or None in written or (op == "in") != isinstance(literal, tuple):
            return None
        values = _values(shape, written)
        if values is None or (op in ("lt", "gt") and shape.kind != "number"):
            return None
        key = key_of(node)
        if key in self.lengths and shape.kind == "number":
            values = (0, *values, 10 ** self.lengths[key][1] - 1)
        self.values.setdefault(key, {}).update(dict.fromkeys(values))
        return lambda world: compare(op, world[key], literal)


def _literal(node: nodes.Node) -> Any:
    """A literal, or a tuple of them; None for anything else."""
    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.List) and all(isinstance(item, nodes.Const) for item in node.items):
        return tuple(item.value for item in node.items if isinstance(item, nodes.Const))
    return None


def _values(shape: ValueType, written: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The values of a type that differ in what is written of it; None for a type of which that is not known."""
    if shape.words:
        return shape.words
    if shape.kind == "bool":
        return (True, False)
    if shape.kind == "number" and all(isinstance(each, int | float) for each in written):
        return written
    if shape.kind == "text" and all(isinstance(each, str) for each in written):
        return (*written, _OTHER)
    return None


def _keyed(low: int, high: int) -> Callable[[Any], bool]:
    """Whether a value can be what so many digits say; that of a text which differs from all that is written can."""

    def is_keyed(value: Any) -> bool:
        if isinstance(value, str):
            return value == _OTHER or (value.isdigit() and low <= len(value) <= high)
        return bool(0 <= value < 10**high)

    return is_keyed


def _with_between(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of numbers also one below them, one above them and one between each two."""
    if any(isinstance(value, bool | str) for value in values):
        return values
    found = sorted(values)
    between = ((low + high) / 2 for low, high in pairwise(found))
    return (found[0] - 1, *found, *between, found[-1] + 1)
