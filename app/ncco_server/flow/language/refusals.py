"""Callers who are handed to another flow first, because a table contains their number.

refuse: {table: blocked, run: refused}
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import HINTS, Resolver, items
from ncco_server.flow.grammar.targets import FlowName, read_given
from ncco_server.flow.language.tables import TableDefinition, TableOfNumbers
from ncco_server.flow.nodes import Node, Place


class CallerRefusal(NamedTuple):
    """The flow for callers whose number a table contains."""

    table: TableDefinition
    flow: str
    place: Place


class RefuseWords(MapForm):
    """Which callers another flow takes."""

    hints: ClassVar = HINTS["refuse"]
    example: ClassVar = "refuse: {table: blocked, run: refused}"
    cures: ClassVar = {"table": "name a table of numbers: `table: blocked`", "run": "name a flow: `run: refused`"}

    table: TableOfNumbers
    """The table with their numbers."""
    run: FlowName
    """The flow that they hear instead of any other."""


def read_refusals(node: Node, reader: Resolver) -> tuple[CallerRefusal, ...]:
    found = (RefuseWords.read(item, "`refuse`", reader) for item in items(node))
    known = (words for words in found if words is not None and _is_known(words, reader))
    return tuple(CallerRefusal(words.table, words.run.value, words.run.place) for words in known)


def _is_known(words: RefuseWords, reader: Resolver) -> bool:
    name = words.run.value
    signature = reader.flows.get(name)
    if signature is None and reader.has_all_flows:
        reader.unknown("E272", words.run, sorted(reader.flows), f'there is no flow "{name}"')
        return False
    if signature is not None and signature.is_whole:
        read_given(None, signature.params, ("flow", name), words.run.place, reader)
    return True
