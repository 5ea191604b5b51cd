"""Which names an expression looks up, the sensitive fields of records included."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from app.flow.expressions.syntax import Cut, Field, Filtered, Name, Node, Picked, children
from app.flow.paths import Path, is_inner, meet, path_of, root_of

COUNTING = "length"
"""The filter that tells of a list how many entries it has, and nothing of what is in them."""


def way_of(node: Node) -> tuple[str, Path] | None:
    """The name that an expression goes into, and how far: `cards[0].number`; None when it is more than that."""
    match node:
        case Name(name=name):
            return name, ()
        case Field(of=of, key=key):
            found = way_of(of)
            return (found[0], (*found[1], key if isinstance(key, str) else None)) if found else None
        case Picked(of=of):
            found = way_of(of)
            return (found[0], (*found[1], None)) if found else None
        case Cut(of=of):
            return way_of(of)
        case _:
            return None


def keys_of(node: Node) -> Iterator[Node]:
    """The computed keys on such a way."""
    if isinstance(node, Field | Picked | Cut):
        yield from keys_of(node.of)
    if isinstance(node, Picked):
        yield node.key


def touched_names(node: Node, unspoken: Collection[str], *, is_passed: bool = False) -> frozenset[str]:
    """The root names, and each sensitive field of `unspoken` that the expression may hold.

    A record as a whole holds all its fields, and so does one whose field is computed. With `is_passed` what an
    expression goes to is only handed on, or gone over: then what is sensitive further in is not touched yet.
    """
    inner = tuple(name for name in unspoken if is_inner(name))
    return frozenset(_touched(node, inner, is_passed=is_passed))


def _touched(node: Node, inner: tuple[str, ...], *, is_passed: bool = False) -> Iterator[str]:
    way = way_of(node)
    if way is not None:
        yield way[0]
        yield from (name for name in inner if root_of(name) == way[0] and is_held(way[1], path_of(name), is_passed))
        for key in keys_of(node):
            yield from _touched(key, inner)
    elif isinstance(node, Filtered) and node.name == COUNTING:
        yield from _touched(node.of, inner, is_passed=True)
    else:
        for child in children(node):
            yield from _touched(child, inner)


def is_held(path: Path, secret: Path, is_passed: bool) -> bool:
    """Whether what a way leads to holds a sensitive field, or is in it; `is_passed` as for `touched_names`."""
    return meet(path, secret) and not (is_passed and len(secret) > len(path))
