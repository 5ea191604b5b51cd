"""Which names an expression or a template looks up, how far into them, and how each of them counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jinja2 import nodes

from app.flow.paths import Path, is_inner, meet, path_of, root_of

COUNTING = "length"
"""The filter that counts the entries of a list, and reads nothing of them."""


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """`node` and everything in it."""
    yield node
    yield from node.find_all(nodes.Node)


def root_names(node: nodes.Node) -> frozenset[str]:
    """The names that it looks up."""
    return frozenset(part.name for part in walk(node) if isinstance(part, nodes.Name) and part.ctx == "load")


def used_env(node: nodes.Node) -> frozenset[str]:
    """The settings that it looks up."""
    return frozenset(
        part.attr
        for part in walk(node)
        if isinstance(part, nodes.Getattr) and isinstance(part.node, nodes.Name) and part.node.name == "env"
    )


def way_of(node: nodes.Node) -> tuple[str, Path] | None:
    """The name that an expression goes into, and how far: `cards[0].number`; None when it is more than that."""
    match node:
        case nodes.Name(name=name):
            return name, ()
        case nodes.Getitem(node=of, arg=nodes.Slice()):
            return way_of(of)
        case nodes.Getattr(node=of) | nodes.Getitem(node=of):
            found = way_of(of)
            return (found[0], (*found[1], getattr(node, "attr", None))) if found else None
    return None


def keys_of(node: nodes.Node) -> Iterator[nodes.Expr]:
    """The computed keys on such a way."""
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        yield from keys_of(node.node)
    if isinstance(node, nodes.Getitem) and is_computed(node.arg):
        yield node.arg


def is_computed(key: nodes.Expr) -> bool:
    """Whether the key of an entry is computed in each call."""
    return not isinstance(key, nodes.Const | nodes.Slice)


def touched_names(node: nodes.Node, unspoken: Collection[str], *, is_passed: bool = False) -> frozenset[str]:
    """The root names, and each sensitive field of `unspoken` that the expression may hold.

    A record as a whole holds all its fields, and so does one whose field is computed. With `is_passed` the value is
    only handed on, or looped over: then a sensitive field further in is not touched yet.
    """
    inner = tuple(name for name in unspoken if is_inner(name))
    return frozenset(_touched(node, inner, is_passed=is_passed))


def _touched(node: nodes.Node, inner: tuple[str, ...], *, is_passed: bool = False) -> Iterator[str]:
    way = way_of(node)
    if way is not None:
        yield way[0]
        yield from (name for name in inner if root_of(name) == way[0] and is_held(way[1], path_of(name), is_passed))
        for key in keys_of(node):
            yield from _touched(key, inner)
    elif isinstance(node, nodes.Filter) and node.name == COUNTING:
        yield from _touched(node.node, inner, is_passed=True)
    else:
        for child in node.iter_child_nodes():
            yield from _touched(child, inner)


def is_held(path: Path, secret: Path, is_passed: bool) -> bool:
    """Whether what a way leads to holds a sensitive field, or is in it; `is_passed` as for `touched_names`."""
    return meet(path, secret) and not (is_passed and len(secret) > len(path))
