"""What menus and data entries share: their retry."""

from __future__ import annotations

from app.flow.exits.source import StepSource
from app.flow.nodes import Place
from app.flow.reader import Reader
from app.flow.retry import Retry, RetrySource, finish_retry, read_retry


def retry_of(source: StepSource, place: Place, reader: Reader) -> Retry | None:
    """The step's own `retry`, completed by the flow's; None (and E240) when it leads nowhere at last."""
    node = source.fields.get("retry")
    own = read_retry(node, reader, source.defaults.actions, source.fields.at("retry")) if node else RetrySource()
    kinds = frozenset(item.kind for item in source.played if item.kind != "input")
    return finish_retry(own.over(source.defaults.retry), place, kinds, reader)
