"""Which part of a text an expression looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from jinja2 import nodes

from app.flow.templates.references import walk
from app.verify.prove.tested import Part


class Spot(NamedTuple):
    """A part of a text: its beginning, its end, anywhere in it, or from `low` on."""

    where: Literal["begins", "ends", "holds", "at"]
    low: int = 0


_FILTERS: Final = {
    "starts_with": Spot("begins"),
    "ends_with": Spot("ends"),
    "contains": Spot("holds"),
    "first": Spot("begins"),
    "last": Spot("ends"),
}
_THROUGH: Final = frozenset({"lower", "upper", "title", "capitalize", "trim", "text"})
"""Filters that leave the parts of a text where they are."""


def spot_of(node: nodes.Node) -> Spot | None:
    """The part that an expression looks at; None when it is the whole, or something that is computed."""
    match node:
        case nodes.Getitem(arg=nodes.Slice(start=nodes.Const(value=low), stop=nodes.Const(value=high))):
            return _of_cut(low or 0, high)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name in _THROUGH:
            return spot_of(of)
        case nodes.Filter(name=name):
            return _FILTERS.get(name)
    return None


def _of_cut(low: int, high: int | None) -> Spot:
    """`[-2:]` is the end; what ends before the end of the text is taken for what stands anywhere in it."""
    if low < 0:
        return Spot("ends") if high is None else Spot("holds")
    return Spot("at", low) if low else Spot("begins")


def parts_against(spot: Spot | None, node: nodes.Node) -> Iterator[Part]:
    """What the part is held against: every text in an expression."""
    for part in walk(node):
        if spot is not None and isinstance(part, nodes.Const) and isinstance(part.value, str):
            yield Part(spot.where, part.value, spot.low)
