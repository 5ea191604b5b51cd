"""What stands in brackets behind a value: the key of an entry, or the bounds of a part."""

from __future__ import annotations

from typing import Any

from app.flow.expressions.fault import Fault
from app.flow.expressions.syntax import Const, Field, Negative, Node, Picked


def picked(of: Node, key: Node, end: int) -> Node:
    """The entry of `of` that `key` names; `end` is where the brackets end. Raises Fault."""
    fixed = _fixed(key)
    if fixed is None:
        return Picked(of, key, of.start, end, key.start)
    if type(fixed) in (str, int):
        return Field(of, fixed, of.start, end, key.start)
    cure = 'write a text in quotes or a whole number: ["X-Tenant"], [0]'
    raise Fault("E310", key.start, key.end - key.start, "only a text or a whole number can stand in brackets", cure)


def bound(key: Node | None) -> int | None:
    """One bound of a part: a fixed whole number, or none. Raises Fault."""
    fixed: int | None = None if key is None else _fixed(key)
    if key is None or type(fixed) is int:
        return fixed
    message = "a part is cut out by fixed whole numbers"
    raise Fault("E301", key.start, key.end - key.start, message, "such as [0:3] or [-4:]")


def _fixed(key: Node) -> Any:
    """What a key is in every call; None when it is computed."""
    if isinstance(key, Negative) and isinstance(key.of, Const) and isinstance(key.of.value, int | float):
        return -key.of.value
    return key.value if isinstance(key, Const) else None
