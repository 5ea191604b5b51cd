"""How sure the recogniser must be of what a caller says: `min_confidence`."""

from __future__ import annotations

from app.flow.fields import Fields
from app.flow.reader import Reader
from app.flow.types import TYPES


def min_confidence(fields: Fields, inherited: float, reader: Reader) -> float:
    """`min_confidence` (0 to 1), or the inherited one."""
    node = fields.get("min_confidence")
    if node is None:
        return inherited
    least = reader.literal(node, TYPES["number"], "`min_confidence`")
    if not isinstance(least, (int, float)):
        return inherited
    if 0 <= least <= 1:
        return float(least)
    reader.report("E203", node.place, f"`min_confidence` is {least:g}", "write a number from 0 to 1, e.g. 0.5")
    return inherited
