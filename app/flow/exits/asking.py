"""What menus and data entries share: their retry, and how sure the recogniser must be."""

from __future__ import annotations

from app.flow.exits.source import StepSource
from app.flow.fields import Fields
from app.flow.nodes import Place
from app.flow.reader import Reader
from app.flow.retry import Retry, RetrySource, finish_retry, read_retry
from app.flow.types import TYPES


def retry_of(source: StepSource, place: Place, reader: Reader) -> Retry | None:
    """The step's own `retry`, completed by the flow's; None (and E240) when it leads nowhere at last."""
    node = source.fields.get("retry")
    own = read_retry(node, reader, source.defaults.actions, source.fields.at("retry")) if node else RetrySource()
    kinds = frozenset(item.kind for item in source.played if item.kind != "input")
    return finish_retry(own.over(source.defaults.retry), place, kinds, reader)


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
