"""What values have to look like that stand in places of a certain type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.flow.actions.values import leaves
from app.flow.model import Step, Value
from app.flow.templates import Computed, Expression, Native
from app.verify.prove.flows import played_by
from app.verify.prove.reading import Path, paths_in, trees_of

_FORMS: Final = {"phone": "phone", "url": "url", "int": "number", "number": "number"}
TAKEN: Final = {"spoken": "datetime", "in_zone": "datetime", "int": "number", "number": "number"}
"""Filters that take texts of a certain form only."""


def form_of(leaf: Value) -> tuple[str, tuple[str, ...]]:
    """What a computed value has to look like: `phone`, `url`, `number`, or "" for anything; and the allowed words."""
    if isinstance(leaf, Native | Computed):
        is_dialled = isinstance(leaf, Computed) and leaf.escape == "number"
        return "phone" if is_dialled else _FORMS.get(leaf.type.name, ""), leaf.type.words
    return "", ()


def placed_in(step: Step) -> Iterator[tuple[Path, str]]:
    """The paths that stand in options of actions which take less than a type has: `bounded` numbers, `headed` texts."""
    for use in played_by(step):
        for leaf in leaves(use.source) if not isinstance(use.source, Expression) else ():
            mark = _mark_of(leaf)
            for path in (path for tree in trees_of(leaf) for path in paths_in(tree.node)) if mark else ():
                yield path, mark


def _mark_of(leaf: Value) -> str:
    if isinstance(leaf, Native | Computed):
        is_headed = isinstance(leaf, Computed) and leaf.escape == "header"
        return "bounded" if _FORMS.get(leaf.type.name) == "number" else "headed" if is_headed else ""
    return ""
