"""What may not be said of the names that a template gives: what may not be of that which they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.flow.expressions.kinds import common
from app.flow.expressions.syntax import Node
from app.flow.expressions.touching import touched_names, way_of
from app.flow.paths import Path, meet, path_of, root_of, written
from app.flow.scope import ScopeTypes, Shape


class Given(NamedTuple):
    """A name that a template gives to something.

    Attributes:
        node: what it is made of; None when that could not be read.
        entry: `(None,)` when the name stands for an entry of it.
    """

    name: str
    shape: Shape
    node: Node | None
    entry: tuple[None, ...] = ()


def named(scope: ScopeTypes, origins: dict[str, set[str]], given: Given) -> ScopeTypes:
    """The scope with one more name.

    Args:
        scope: what is known so far.
        origins: the sensitive fields of the names that were given, each with the names of the flow that it stands for;
            those of this name are added.
        given: the name.
    """
    unspoken = scope.unspoken
    touched = touched_names(given.node, unspoken, is_passed=True) if given.node is not None else frozenset()
    why = next((why for known, why in unspoken.items() if known in touched), "")
    inner = [] if why or given.node is None else list(_inner(given.node, unspoken, given.entry))
    for known, path in inner:
        origins.setdefault(written(given.name, path), set()).update(origins.get(known, {known}))
    return scope.having(given.name, given.shape, why, (path for _, path in inner))


def _inner(node: Node, unspoken: Mapping[str, str], entry: tuple[None, ...]) -> Iterator[tuple[str, Path]]:
    """What is sensitive further in than `node`, or its entries, lead to: its name, and the way to it from there."""
    way = way_of(node)
    for known in unspoken if way is not None else ():
        path, depth = path_of(known), len(way[1] if way else ())
        is_within = way is not None and root_of(known) == way[0] and meet(way[1], path)
        if is_within and len(path) > depth + len(entry) and meet(entry, path[depth:]):
            yield known, path[depth + len(entry) :]


def joined_scope(before: ScopeTypes, scopes: Iterable[ScopeTypes]) -> ScopeTypes:
    """What is known behind an `if`: whatever one of its branches has set. What one of them may not say, none may."""
    shapes, unspoken = dict(before.shapes), dict(before.unspoken)
    for scope in scopes:
        unspoken |= scope.unspoken
        for name, shape in scope.shapes.items():
            known = shapes.get(name, shape)
            shapes[name] = shape if shape == known else common(shape, known)
    return ScopeTypes(shapes, unspoken, before.env)
