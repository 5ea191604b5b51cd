"""What values have to look like that stand in places of a certain type."""

from __future__ import annotations

from typing import Final

from app.flow.model import Value
from app.flow.templates import Computed, Native

_FORMS: Final = {"phone": "phone", "url": "url", "int": "number", "number": "number"}
TAKEN: Final = {"spoken": "datetime", "in_zone": "datetime", "int": "number", "number": "number"}
"""Filters that take texts of a certain form only."""


def form_of(leaf: Value) -> tuple[str, tuple[str, ...]]:
    """What a computed value has to look like: `phone`, `url`, `number`, or "" for anything; and the allowed words."""
    if isinstance(leaf, Native | Computed):
        is_dialled = isinstance(leaf, Computed) and leaf.escape == "number"
        return "phone" if is_dialled else _FORMS.get(leaf.type.name, ""), leaf.type.words
    return "", ()
