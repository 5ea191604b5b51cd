"""Turns an expression into a function that computes it: names by name → value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from app.flow.expressions.computing import add, compare, cut, entry, negative, picked, sip_header
from app.flow.expressions.fault import Absent
from app.flow.expressions.filters import FILTERS
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
    Picked,
    Sum,
)

Names: TypeAlias = Mapping[str, Any]
Run: TypeAlias = Callable[[Names], Any]


def compiled(node: Node, language: str) -> Run:
    """The function that computes `node`; `language` is what its filters speak. It raises Absent and Unfit."""
    return _COMPILE[type(node)](node, language)


def _const(node: Const, language: str) -> Run:
    value = node.value
    return lambda names: value


def _name(node: Name, language: str) -> Run:
    name = node.name

    def look(names: Names) -> Any:
        value = names.get(name)
        if value is None:
            raise Absent(name)
        return value

    return look


def is_sip(node: Node) -> bool:
    """Whether it is `call.sip`."""
    return isinstance(node, Field) and node.key == "sip" and isinstance(node.of, Name) and node.of.name == "call"


def _field(node: Field, language: str) -> Run:
    key, of = node.key, compiled(node.of, language)
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


def _picked(node: Picked, language: str) -> Run:
    of, key, path = compiled(node.of, language), compiled(node.key, language), _path(node)
    if is_sip(node.of):
        return lambda names: sip_header(of(names), key(names))

    def look(names: Names) -> Any:
        value = picked(of(names), key(names))
        if value is None:
            raise Absent(path)
        return value

    return look


def _path(node: Node) -> str:
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Picked):
        return f"{_path(node.of)}[{_path(node.key)}]"
    if not isinstance(node, Field):
        return "..."
    of = _path(node.of)
    is_plain = isinstance(node.key, str) and node.key.isidentifier()
    shown = f'"{node.key}"' if isinstance(node.key, str) else str(node.key)
    return f"{of}.{node.key}" if is_plain else f"{of}[{shown}]"


def _compared(node: Compared, language: str) -> Run:
    left, right, op = compiled(node.left, language), compiled(node.right, language), node.op
    if isinstance(node.right, Const) and op in ("==", "!="):
        value, same = node.right.value, op == "=="
        return lambda names: (left(names) == value) is same
    if op in ("in", "not in") and isinstance(node.right, Items) and _is_written(node.right):
        values = tuple(item.value for item in node.right.items if isinstance(item, Const))
        return (lambda names: left(names) in values) if op == "in" else (lambda names: left(names) not in values)
    return lambda names: compare(op, left(names), right(names))


def _is_written(node: Items) -> bool:
    return all(isinstance(item, Const) for item in node.items)


def _logic(node: Logic, language: str) -> Run:
    left, right = compiled(node.left, language), compiled(node.right, language)
    if node.op == "and":
        return lambda names: left(names) and right(names)
    return lambda names: left(names) or right(names)


def _filtered(node: Filtered, language: str) -> Run:
    known, of, args = FILTERS[node.name], compiled(node.of, language), [compiled(arg, language) for arg in node.args]
    apply = known.apply
    if known.speaks:
        return lambda names: apply(of(names), language, *[arg(names) for arg in args])
    if node.name != "default":
        return lambda names: apply(of(names), *[arg(names) for arg in args])

    def defaulted(names: Names) -> Any:
        try:
            value = of(names)
        except Absent:
            return args[0](names) if args else ""
        return apply(value, *[arg(names) for arg in args])

    return defaulted


def _defined(node: Defined, language: str) -> Run:
    of, negated = compiled(node.of, language), node.negated

    def defined(names: Names) -> bool:
        try:
            of(names)
        except Absent:
            return negated
        return not negated

    return defined


def _not(node: Not, language: str) -> Run:
    of = compiled(node.of, language)
    return lambda names: not of(names)


def _items(node: Items, language: str) -> Run:
    items = [compiled(item, language) for item in node.items]
    return lambda names: [item(names) for item in items]


def _cut(node: Cut, language: str) -> Run:
    of, low, high = compiled(node.of, language), node.low, node.high
    return lambda names: cut(of(names), low, high)


def _negative(node: Negative, language: str) -> Run:
    of = compiled(node.of, language)
    return lambda names: negative(of(names))


def _sum(node: Sum, language: str) -> Run:
    left, op, right = compiled(node.left, language), node.op, compiled(node.right, language)
    return lambda names: add(op, left(names), right(names))


def _either(node: Either, language: str) -> Run:
    then, test, other = compiled(node.then, language), compiled(node.test, language), compiled(node.other, language)
    return lambda names: then(names) if test(names) else other(names)


_COMPILE: dict[type[Node], Callable[[Any, str], Run]] = {
    Const: _const,
    Items: _items,
    Name: _name,
    Field: _field,
    Picked: _picked,
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
