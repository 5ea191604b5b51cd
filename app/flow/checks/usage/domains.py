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

from app.flow.expressions.computing import compare
from app.flow.expressions.syntax import Compared, Const, Field, Items, Logic, Name, Node, Not, children
from app.flow.scope import Record, ScopeTypes, Shape
from app.flow.types import ValueType

Key: TypeAlias = tuple[Any, ...]
World: TypeAlias = Mapping[Key, Any]
Formula: TypeAlias = Callable[[World], bool]

_OTHER = "\0"
"""A text that differs from all that is written."""
_FORMS = {"!=": "==", "not in": "in", ">=": "<", "<=": ">"}
"""Comparisons that are the opposite of another one."""


def key_of(node: Node) -> Key:
    """What tells two expressions apart, wherever they stand."""
    own = (getattr(node, name, None) for name in ("value", "name", "key", "op", "negated", "low", "high"))
    plain = tuple((type(value).__name__, value) for value in own if isinstance(value, str | int | float))
    return (type(node).__name__, plain, tuple(key_of(child) for child in children(node)))


def shape_of(scope: ScopeTypes, node: Node) -> Shape | None:
    """The type of a name or of a field of one; None for anything else."""
    if isinstance(node, Name):
        return scope.get(node.name)
    of = shape_of(scope, node.of) if isinstance(node, Field) else None
    if isinstance(node, Field) and isinstance(of, Record):
        return of.fields.get(str(node.key), of.rest)
    return of.fields.get(str(node.key)) if isinstance(node, Field) and isinstance(of, ValueType) else None


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

    def formula(self, node: Node) -> Formula:
        """The condition, to be asked with a value for every key."""
        match node:
            case Logic(op=op, left=left, right=right):
                first, second = self.formula(left), self.formula(right)
                if op == "and":
                    return lambda world: first(world) and second(world)
                return lambda world: first(world) or second(world)
            case Not(of=of):
                inner = self.formula(of)
                return lambda world: not inner(world)
            case Const(value=bool() as value):
                return lambda world: value
            case Compared():
                return self._compared(node)
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

    def _atom(self, node: Node) -> Formula:
        key = key_of(node)
        self.values.setdefault(key, {True: None, False: None})
        return lambda world: bool(world[key])

    def _compared(self, node: Compared) -> Formula:
        is_opposite = node.op in _FORMS
        op = _FORMS.get(node.op, node.op)
        known = self._known(node, op)
        if known is None:
            plain = Compared(node.left, op, node.right, node.start, node.end, node.op_start)
            known = self._atom(plain)
        found = known
        return (lambda world: not found(world)) if is_opposite else found

    def _known(self, node: Compared, op: str) -> Formula | None:
        """A comparison of a name with literals."""
        if op != "in" and isinstance(node.left, Const):
            op = {"<": ">", ">": "<"}.get(op, op)
            return self._with_literal(node.right, op, _literal(node.left))
        return self._with_literal(node.left, op, _literal(node.right))

    def _with_literal(self, node: Node, op: str, literal: Any) -> Formula | None:
        shape = shape_of(self.scope, node)
        written = literal if isinstance(literal, tuple) else (literal,)
        if not isinstance(shape, ValueType) or None in written or (op == "in") != isinstance(literal, tuple):
            return None
        values = _values(shape, written)
        if values is None or (op in ("<", ">") and shape.kind != "number"):
            return None
        key = key_of(node)
        if key in self.lengths and shape.kind == "number":
            values = (0, *values, 10 ** self.lengths[key][1] - 1)
        self.values.setdefault(key, {}).update(dict.fromkeys(values))
        return lambda world: compare(op, world[key], literal)


def _literal(node: Node) -> Any:
    """A literal, or a tuple of them; None for anything else."""
    if isinstance(node, Const):
        return node.value
    if isinstance(node, Items) and all(isinstance(item, Const) for item in node.items):
        return tuple(item.value for item in node.items if isinstance(item, Const))
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
