"""Finds the type of an expression, and everything in it that can never work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.entries import entry_type
from app.flow.expressions.fields import field_type, hyphenated, name_type
from app.flow.expressions.filtered import filtered_type, may_be_missing
from app.flow.expressions.kinds import common, joined_list, literal_type
from app.flow.expressions.operators import add, compare, half_comparison, is_half, need_bool
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
    root_names,
)
from app.flow.scope import Shape
from app.flow.types import TYPES


def type_of(check: Check, node: Node, beside: Shape | None = None) -> Shape | None:
    """The type of `node`; None when it is not known because something in it is wrong, which is reported.

    `beside` is the type of what it is compared with.
    """
    if isinstance(node, Name):
        return name_type(check, node, beside)
    return _TYPES[type(node)](check, node)


def _const(check: Check, node: Const) -> Shape:
    if isinstance(node.value, str) and "{{" in node.value:
        cure = "write the name itself, without quotes and braces"
        check.report("E312", node, "braces in a text within an expression are not filled in", cure)
    return literal_type(node.value)


def _items(check: Check, node: Items) -> Shape:
    shapes = [type_of(check, item) for item in node.items]
    return joined_list(shapes) if shapes else TYPES["list"]


def _field(check: Check, node: Field) -> Shape | None:
    of = type_of(check, node.of)
    return field_type(check, node, of) if of is not None else None


def _picked(check: Check, node: Picked) -> Shape | None:
    of = type_of(check, node.of)
    key = type_of(check, node.key, TYPES["text"] if of is not None and kind_of(of) == "map" else None)
    return entry_type(check, node, of, key) if of is not None and key is not None else None


def _either(check: Check, node: Either) -> Shape:
    test(check, node.test)
    return common(type_of(check, node.then), type_of(check, node.other))


def test(check: Check, node: Node) -> Shape | None:
    """The type of a test. In braces, as in Jinja2, an empty text, an empty list and 0 count as false."""
    shape = type_of(check, node)
    if shape is not None and not check.braces:
        need_bool(check, node, shape)
    return shape


def _defined(check: Check, node: Defined) -> Shape:
    if type_of(check, node.of) is not None and not may_be_missing(node.of):
        message = f'"is defined" stands behind a name; {check.shown(node.of)} is computed'
        check.report("E306", node.of, message, "write `is defined` behind the name within it")
    return TYPES["bool"]


def _not(check: Check, node: Not) -> Shape:
    test(check, node.of)
    return TYPES["bool"]


def _logic(check: Check, node: Logic) -> Shape:
    left = test(check, node.left)
    if not check.braces and isinstance(node.right, Const) and not isinstance(node.right.value, bool):
        half_comparison(check, node)
        return TYPES["bool"]
    right = type_of(check, node.right)
    if right is not None and not check.braces:
        if is_half(node, right):
            half_comparison(check, node)
        else:
            need_bool(check, node.right, right)
    return common(left, right) if check.braces else TYPES["bool"]


def _compared(check: Check, node: Compared) -> Shape:
    if isinstance(node.left, Name) and check.scope.get(node.left.name) is None:
        right = type_of(check, node.right)
        left = type_of(check, node.left, right)
    else:
        left = type_of(check, node.left)
        right = type_of(check, node.right, left)
    if left is not None and right is not None:
        compare(check, node, left, right)
    return TYPES["bool"]


def _sum(check: Check, node: Sum) -> Shape | None:
    if (meant := hyphenated(check, node)) and not root_names(node.right) <= set(check.scope):
        field, key = meant
        cure = f'write {check.shown(field.of)}["{key}"]'
        check.report_at("E304", field.key_start, len(key), f'"{key}" is read as a subtraction', cure)
        return None
    left, right = type_of(check, node.left), type_of(check, node.right)
    return add(check, node, left, right) if left is not None and right is not None else None


def _negative(check: Check, node: Negative) -> Shape | None:
    shape = type_of(check, node.of)
    if shape is None or kind_of(shape) in ("number", "any"):
        return shape
    shown = check.shown(node.of)
    cure = f"write 0 - {shown} | int" if kind_of(shape) == "text" else None
    check.report("E308", node, f'"-" needs a number; {shown} is {described(shape)}', cure)
    return None


def _cut(check: Check, node: Cut) -> Shape | None:
    shape = type_of(check, node.of)
    if shape is None or kind_of(shape) in ("list", "any"):
        return shape
    if kind_of(shape) == "text":
        return TYPES["text"]
    message = f"only a text or a list can be cut; {check.shown(node.of)} is {described(shape)}"
    check.report("E308", node, message)
    return None


def _filtered(check: Check, node: Filtered) -> Shape | None:
    shape = type_of(check, node.of)
    return filtered_type(check, node, shape, [type_of(check, arg) for arg in node.args])


_TYPES: dict[type[Node], Callable[[Check, Any], Shape | None]] = {
    Const: _const,
    Items: _items,
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
