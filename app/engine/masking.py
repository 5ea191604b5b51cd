"""Sensitive fields of answers, wherever in them: tokens in what is kept, and nothing in what a later turn sees."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from app.flow.paths import Path, by_step


def masked(value: Any, paths: Collection[Path], mask: Callable[[str], str]) -> Any:
    """`value` with a token in the place of everything that `paths` lead to."""
    if () in paths:
        return mask(str(value))
    inner = by_step(paths)
    if isinstance(value, dict):
        return {name: masked(each, inner[name], mask) if name in inner else each for name, each in value.items()}
    if isinstance(value, list) and None in inner:
        return [masked(each, inner[None], mask) for each in value]
    return value


def leading_to(value: Any, paths: Collection[Path]) -> Iterator[Any]:
    """Everything that `paths` lead to."""
    if () in paths:
        yield value
        return
    for step, inner in by_step(paths).items():
        if isinstance(value, dict) and step in value:
            yield from leading_to(value[step], inner)
        elif isinstance(value, list) and step is None:
            for each in value:
                yield from leading_to(each, inner)


def without(value: Any, paths: Collection[Path]) -> Any:
    """`value` without anything that `paths` lead to."""
    inner = by_step(paths)
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if () not in inner.get(name, ())}
        return {name: without(each, inner[name]) if name in inner else each for name, each in kept.items()}
    if isinstance(value, list) and None in inner:
        return [without(each, inner[None]) for each in value]
    return value
