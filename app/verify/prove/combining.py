"""Combinations of values: all of them as long as they are few, then each two of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any, Final, TypeVar

Name = TypeVar("Name", bound=Hashable)

PAIRS: Final = 4
"""How many times as many rows are made so that each two values come together."""
ONCE: Final = "each value of each field once"
TWO: Final = "each two values of two fields together"


def combined(choices: Mapping[Name, list[Any]], most: int) -> tuple[list[dict[Name, Any]], str]:
    """Rows with a value for each name, and how they were chosen: "" for every combination there is.

    More than `most` are not made: each two values come together then, or each value alone when that is too many still.
    """
    size = 1
    for values in choices.values():
        size *= len(values)
    if size <= most:
        return [dict(zip(choices, row, strict=True)) for row in product(*choices.values())], ""
    pairs = list(islice(_pairs(choices), most * PAIRS + 1))
    return (pairs, TWO) if len(pairs) <= most * PAIRS else (list(_each_once(choices)), ONCE)


def _each_once(choices: Mapping[Name, list[Any]]) -> Iterator[dict[Name, Any]]:
    """Every value of every field at least once, with the first ones of the others."""
    first = {name: values[0] for name, values in choices.items()}
    yield first
    for name, values in choices.items():
        for value in values[1:]:
            yield first | {name: value}


def _pairs(choices: Mapping[Name, list[Any]]) -> Iterator[dict[Name, Any]]:
    """Each value of each two fields together, with the first ones of the others."""
    yield from _each_once(choices)
    first = {name: values[0] for name, values in choices.items()}
    for one, two in combinations(choices, 2):
        for value, other in product(choices[one][1:], choices[two][1:]):
            yield first | {one: value, two: other}
