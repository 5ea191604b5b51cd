"""Callers who are handed to another flow first, because a table contains their number.

refuse: {table: blocked, run: refused}
"""

from __future__ import annotations

from typing import ClassVar

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import Resolver, items
from ncco_server.flow.grammar.targets import FlowName
from ncco_server.flow.language.tables import TableOfNumbers
from ncco_server.flow.nodes import Node, Text


class CallerRefusal(MapForm):
    """The callers that another flow takes."""

    example: ClassVar = "refuse: {table: blocked, run: refused}"
    cures: ClassVar = {"table": "name a table of numbers: `table: blocked`", "run": "name a flow: `run: refused`"}

    table: TableOfNumbers
    """The table with their numbers."""
    run: FlowName
    """The flow that they hear instead of any other."""


def read_refusals(node: Node, reader: Resolver) -> tuple[CallerRefusal, ...]:
    found = (CallerRefusal.read(item, "`refuse`", reader) for item in items(node))
    return tuple(refusal for refusal in found if refusal is not None and _is_known(refusal.run, reader))


def _is_known(run: Text, reader: Resolver) -> bool:
    name = run.value
    signature = reader.flows.get(name)
    if signature is None and reader.has_all_flows:
        reader.unknown("E272", run, sorted(reader.flows), f'there is no flow "{name}"')
        return False
    if signature is not None and signature.is_whole:
        for param in (each for each, param in signature.params.items() if param.is_required):
            cure = f"name a flow in which calls can start, or give `{param}` a default: `refuse` passes no values"
            reader.report("E271", run.place, f'the flow "{name}" needs "{param}"', cure, [name])
            break
    return True
