"""Types of what expressions make: of literals, of one thing or another, of the entries of a list or a map."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from app.flow.scope import Record, Shape
from app.flow.types import ANY, TYPES, ValueType, list_of


def literal_type(value: Any) -> ValueType:
    """The type of a literal."""
    if isinstance(value, bool):
        return TYPES["bool"]
    if isinstance(value, str):
        return TYPES["text"]
    return TYPES["int" if isinstance(value, int) else "number"]


def common(left: Shape | None, right: Shape | None) -> Shape:
    """The type of what is one or the other."""
    if left is None or right is None:
        return ANY
    if left == right:
        return left
    if isinstance(left, Record) or isinstance(right, Record) or left.kind != right.kind:
        return ANY
    if left.kind == "list":
        return joined_list([item_of(left), item_of(right)])
    return TYPES.get(left.kind, left)


def joined_list(items: Iterable[Shape | None]) -> ValueType:
    """The type of a list that has entries of all these types; there is at least one."""
    item = reduce(common, items)
    return TYPES["list"] if item is None or isinstance(item, Record) or item == ANY else list_of(item)


def item_of(shape: Shape) -> ValueType:
    """The type of an entry of a list, or of a map of any keys."""
    return shape.item if isinstance(shape, ValueType) and shape.item is not None else ANY


def record_of(shape: Shape | None) -> Record | None:
    """The fields that are known of a map; None when it is none, or when nothing is known of it."""
    if isinstance(shape, ValueType):
        return Record(shape.fields) if shape.fields else None
    return shape
