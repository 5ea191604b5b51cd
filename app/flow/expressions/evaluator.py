"""Turns an expression into a function that computes it: names by name → value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from app.flow.expressions.fault import Absent, Unfit
from app.flow.expressions.filters import FILTERS, bounded
from app.flow.expressions.syntax import (
    Compared,
    Const,
    Cut,
    Defined,
    Either,
    Field,
    Filtered,
    Items,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Sum,
)
from app.flow.scope import header

Names: TypeAlias = Mapping[str, Any]
Run: TypeAlias = Callable[[Names], Any]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
}


def entry(of: Any, key: str | int) -> Any:
    """An entry of a map by its key or of a list by its number; None when there is none. Never an attribute."""
    if isinstance(of, Mapping) if isinstance(key, str) else isinstance(of, list | tuple):
        try:
            return of[key]
        except (LookupError, TypeError):
            return None
    return None


def compare(op: str, left: Any, right: Any) -> bool:
    """`left op right`. Raises Unfit when they cannot be compared so."""
    if op in ("in", "not in") and not isinstance(right, list | tuple | Mapping):
        raise Unfit(f'"{op}" needs a list')
    try:
        return bool(_COMPARE[op](left, right))
    except TypeError:
        raise Unfit(f'"{op}" cannot compare values of these types') from None


def add(op: str, left: Any, right: Any) -> Any:
    """A sum of numbers, a difference of numbers, or two texts joined. Raises Unfit."""
    if isinstance(left, str) and isinstance(right, str) and op == "+":
        return bounded(left + right)
    if _is_number(left) and _is_number(right):
        return left + right if op == "+" else left - right
    raise Unfit(f'"{op}" cannot be computed with values of these types')


def negative(of: Any) -> Any:
    """`-of`. Raises Unfit."""
    if not _is_number(of):
        raise Unfit('"-" needs a number')
    return -of


def cut(of: Any, low: int | None, high: int | None) -> Any:
    """A part of a text or a list. Raises Unfit."""
    if not isinstance(of, str | list | tuple):
        raise Unfit("only a text or a list can be cut")
    return of[low:high]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def compiled(node: Node) -> Run:
    """The function that computes `node`. It raises Absent and Unfit."""
    return _COMPILE[type(node)](node)


def _const(node: Const) -> Run:
    value = node.value
    return lambda names: value


def _name(node: Name) -> Run:
    name = node.name

    def look(names: Names) -> Any:
        value = names.get(name)
        if value is None:
            raise Absent(name)
        return value

    return look


def sip_header(headers: Any, name: str | int) -> str:
    """An entry of `call.sip`, "" when the header was not sent. Raises Unfit."""
    if not isinstance(headers, Mapping) or not isinstance(name, str):
        raise Unfit("call.sip is not a map of headers")
    return header(headers, name)


def is_sip(node: Node) -> bool:
    """Whether it is `call.sip`."""
    return isinstance(node, Field) and node.key == "sip" and isinstance(node.of, Name) and node.of.name == "call"


def _field(node: Field) -> Run:
    key, of = node.key, compiled(node.of)
    if is_sip(node.of):
        return lambda names: sip_header(of(names), key)
    path = _path(node)

    def look(names: Names) -> Any:
        value = entry(of(names), key)
        if value is None:
            raise Absent(path)
        return value

    def look_in_root(names: Names) -> Any:
        record = names.get(root)
        if type(record) is dict and (value := record.get(key)) is not None:
            return value
        return look(names)

    root = node.of.name if isinstance(node.of, Name) else ""
    return look_in_root if root else look


def _path(node: Node) -> str:
    if isinstance(node, Name):
        return node.name
    if not isinstance(node, Field):
        return "..."
    of = _path(node.of)
    is_plain = isinstance(node.key, str) and node.key.isidentifier()
    shown = f'"{node.key}"' if isinstance(node.key, str) else str(node.key)
    return f"{of}.{node.key}" if is_plain else f"{of}[{shown}]"


def _compared(node: Compared) -> Run:
    left, right, op = compiled(node.left), compiled(node.right), node.op
    if isinstance(node.right, Const) and op in ("==", "!="):
        value, same = node.right.value, op == "=="
        return lambda names: (left(names) == value) is same
    if isinstance(node.right, Items) and all(isinstance(item, Const) for item in node.right.items):
        values = tuple(item.value for item in node.right.items if isinstance(item, Const))
        return (lambda names: left(names) in values) if op == "in" else (lambda names: left(names) not in values)
    return lambda names: compare(op, left(names), right(names))


def _logic(node: Logic) -> Run:
    left, right = compiled(node.left), compiled(node.right)
    if node.op == "and":
        return lambda names: left(names) and right(names)
    return lambda names: left(names) or right(names)


def _filtered(node: Filtered) -> Run:
    of, args, apply = compiled(node.of), [compiled(arg) for arg in node.args], FILTERS[node.name].apply
    if node.name != "default":
        return lambda names: apply(of(names), *[arg(names) for arg in args])

    def defaulted(names: Names) -> Any:
        try:
            value = of(names)
        except Absent:
            return args[0](names) if args else ""
        return apply(value, *[arg(names) for arg in args])

    return defaulted


def _defined(node: Defined) -> Run:
    of, negated = compiled(node.of), node.negated

    def defined(names: Names) -> bool:
        try:
            of(names)
        except Absent:
            return negated
        return not negated

    return defined


def _not(node: Not) -> Run:
    of = compiled(node.of)
    return lambda names: not of(names)


def _items(node: Items) -> Run:
    items = [compiled(item) for item in node.items]
    return lambda names: [item(names) for item in items]


def _cut(node: Cut) -> Run:
    of, low, high = compiled(node.of), node.low, node.high
    return lambda names: cut(of(names), low, high)


def _negative(node: Negative) -> Run:
    of = compiled(node.of)
    return lambda names: negative(of(names))


def _sum(node: Sum) -> Run:
    left, op, right = compiled(node.left), node.op, compiled(node.right)
    return lambda names: add(op, left(names), right(names))


def _either(node: Either) -> Run:
    then, test, other = compiled(node.then), compiled(node.test), compiled(node.other)
    return lambda names: then(names) if test(names) else other(names)


_COMPILE: dict[type[Node], Callable[[Any], Run]] = {
    Const: _const,
    Items: _items,
    Name: _name,
    Field: _field,
    Cut: _cut,
    Filtered: _filtered,
    Defined: _defined,
    Negative: _negative,
    Not: _not,
    Sum: _sum,
    Compared: _compared,
    Logic: _logic,
    Either: _either,
}
