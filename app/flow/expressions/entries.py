"""Checks entries with a computed key: `questions[number]`, `texts[locale]` (E304, E343)."""

from __future__ import annotations

from functools import reduce

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.kinds import common, item_of, record_of
from app.flow.expressions.syntax import Name, Picked, Sum
from app.flow.scope import Shape
from app.flow.types import ANY, ValueType


def entry_type(check: Check, node: Picked, of: Shape, key: Shape) -> Shape | None:
    """The type of an entry of `of`, named by a key of the type `key`."""
    shown = check.shown(node.of)
    if isinstance(node.of, Name) and node.of.name == "env":
        cure = f'write the name of the setting: {shown}["NAME"]'
        check.report("E343", node.key, "the name of a setting cannot be computed", cure)
        return None
    if kind_of(of) == "list":
        return _of_list(check, node, of, key)
    if kind_of(of) == "map":
        return _of_map(check, node, of, key)
    if kind_of(of) == "any":
        return ANY
    message = f"{shown} is {described(of)} and has no entries"
    check.report_at("E304", node.key_start, node.end - node.key_start - 1, message, f"write {shown} alone")
    return None


def _of_list(check: Check, node: Picked, of: Shape, key: Shape) -> Shape | None:
    if kind_of(key) == "any" or (isinstance(key, ValueType) and key.name == "int"):
        return item_of(of)
    shown = check.shown(node.key)
    message = f"an entry of a list is named by a whole number; {shown} is {described(key)}"
    is_countable = kind_of(key) in ("text", "number")
    whole = f"({shown})" if isinstance(node.key, Sum) else shown
    check.report("E343", node.key, message, f"write {check.shown(node.of)}[{whole} | int]" if is_countable else None)
    return None


def _of_map(check: Check, node: Picked, of: Shape, key: Shape) -> Shape | None:
    if kind_of(key) not in ("text", "any"):
        shown = check.shown(node.key)
        message = f"an entry of a map is named by a text; {shown} is {described(key)}"
        cure = f"write {check.shown(node.of)}[{shown} | text]" if kind_of(key) in ("number", "bool") else None
        check.report("E343", node.key, message, cure)
        return None
    known = record_of(of)
    if known is None:
        return item_of(of)
    return known.rest or (reduce(common, known.fields.values()) if known.fields else ANY)
