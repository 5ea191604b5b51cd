"""Finds variables that may hold a server setting (`env`), which must not be spoken (E330).

Templates are followed, conditions are not, since they only choose among values. A `bool` or one of a list of words
reveals no setting. What may be spoken must be known before values are read, so the input is YAML nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from ncco_server.flow.digraph import reachable
from ncco_server.flow.grammar.reader import has_braces
from ncco_server.flow.nodes import Map, Node, Seq, Text, text_of, texts_in, walk
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.references import occurrences, references_in


class Cell(NamedTuple):
    """A variable of a flow or, with `is_returned`, the value that the flow returns under this name."""

    flow: str
    name: str
    is_returned: bool = False


SETTING: Final = Cell("", "env")
"""Stands for the server's settings."""

_WORDS: Final = frozenset({"set", "with", "run"})

Edges: TypeAlias = dict[Cell, set[Cell]]


def filled_with_settings(
    flows: Mapping[str, tuple[Map, str]], shared: Iterable[tuple[Map, str]], templates: Templates
) -> dict[str, frozenset[str]]:
    """Take the root node and the time zone of each file."""
    edges: Edges = defaultdict(set)
    nodes = {flow: node for flow, (node, _) in flows.items()}
    defaults = [(part, zone) for node, zone in shared if (part := node.get("defaults")) is not None]
    inherited = [(each, zone) for part, zone in defaults for each in _assigning(part)]
    for flow, (node, own) in flows.items():
        for each, zone in (*((each, own) for each in _assigning(node)), *inherited):
            for source, target in _edges(each, flow, nodes, templates, zone):
                edges[source].add(target)

    def successors(cell: Cell) -> Iterator[Cell]:
        return (each for each in edges[cell] if not _is_harmless(each.name, nodes.get(each.flow)))

    found = reachable([SETTING], successors)
    return {
        flow: frozenset(each.name for each in found if each.flow == flow and not each.is_returned) for flow in flows
    }


def _is_harmless(name: str, flow: Map | None) -> bool:
    for section in ("vars", "params", "returns"):
        declared = flow.get(section) if flow is not None else None
        about = declared.get(name) if isinstance(declared, Map) else None
        type_ = about.get("type") if isinstance(about, Map) else about
        if isinstance(type_, Seq) or (isinstance(type_, Text) and type_.value == "bool"):
            return True
    return False


def _assigning(node: Node) -> list[Map]:
    maps = (each for each in walk(node) if isinstance(each, Map))
    return [each for each in maps if any(entry.key.value in _WORDS for entry in each.entries)]


def _edges(
    node: Map, flow: str, flows: Mapping[str, Map], templates: Templates, zone: str
) -> Iterator[tuple[Cell, Cell]]:
    callee = text_of(node.get("run"))
    is_returned = node.get("return") is not None
    for word, filled in (("set", flow), ("with", callee)):
        values = node.get(word)
        for entry in values.entries if filled and isinstance(values, Map) else ():
            target = Cell(filled, entry.key.value, is_returned and word == "set")
            for name in _used(entry.value, templates, zone):
                yield (SETTING if name == "env" else Cell(flow, name)), target
    declared = flows[callee].get("returns") if callee in flows else None
    for entry in declared.entries if isinstance(declared, Map) else ():
        yield Cell(callee, entry.key.value, is_returned=True), Cell(flow, entry.key.value)


def _used(node: Node, templates: Templates, zone: str) -> Iterator[str]:
    """The names whose values its texts may hold, in place of names that a template sets."""
    for text in filter(has_braces, texts_in(node)):
        for occurrence in occurrences(templates.parsed(text, zone).template):
            if occurrence.role == "output":
                yield from (each.name for each in references_in(occurrence) if each.use.is_part)
