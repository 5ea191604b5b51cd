"""Sensitive fields of answers, wherever in them: tokens in what is kept, and nothing in what a later turn sees."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from app.flow.paths import Path, Step


def masked(value: Any, paths: Collection[Path], mask: Callable[[str], str]) -> Any:
    """`value` with a token in the place of everything that `paths` lead to."""
    if () in paths:
        return mask(str(value))
    inner = _by_step(paths)
    if isinstance(value, dict):
        return {name: masked(each, inner[name], mask) if name in inner else each for name, each in value.items()}
    if isinstance(value, list) and None in inner:
        return [masked(each, inner[None], mask) for each in value]
    return value


def without(value: Any, paths: Collection[Path]) -> Any:
    """`value` without anything that `paths` lead to."""
    inner = _by_step(paths)
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if () not in inner.get(name, ())}
        return {name: without(each, inner[name]) if name in inner else each for name, each in kept.items()}
    if isinstance(value, list) and None in inner:
        return [without(each, inner[None]) for each in value]
    return value


def _by_step(paths: Collection[Path]) -> dict[Step, set[Path]]:
    """The paths by their first step, without it."""
    found: dict[Step, set[Path]] = {}
    for path in paths:
        if path:
            found.setdefault(path[0], set()).add(path[1:])
    return found
