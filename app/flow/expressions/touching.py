"""Which names an expression looks up, the sensitive fields of records included."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from app.flow.expressions.syntax import Field, Name, Node, children


def touched_names(node: Node, unspoken: Collection[str]) -> frozenset[str]:
    """The root names, and each `name.field` of `unspoken` that the expression may hold.

    A record as a whole holds all its fields, and so does one whose field is computed.
    """
    return frozenset(_touched(node, tuple(name for name in unspoken if "." in name)))


def _touched(node: Node, fields: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
        yield from (name for name in fields if name.startswith(f"{node.name}."))
    elif isinstance(node, Field) and isinstance(node.of, Name):
        yield node.of.name
        yield from (name for name in fields if name == f"{node.of.name}.{node.key}")
    else:
        for child in children(node):
            yield from _touched(child, fields)
