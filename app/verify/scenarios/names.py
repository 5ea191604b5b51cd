"""The names of flows, lookups and hooks that a scenario file uses: for completion, references and renaming."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.grammar.reader import items
from app.flow.names import Kind, Name
from app.flow.nodes import Map, Node, Text
from app.flow.source import read_yaml


def names_in_scenarios(file: str, text: str) -> Iterator[Name]:
    """The names in a file, whatever its faults; none if it is not YAML."""
    node, _ = read_yaml(file, text)
    for scenario in (entry.value for entry in node.entries) if isinstance(node, Map) else ():
        if isinstance(scenario, Map):
            call, expect = scenario.get("call"), scenario.get("expect")
            for around in (scenario, call):
                yield from _name("flows", around.get("flow") if isinstance(around, Map) else None)
            for lookup in _keys(scenario.get("given")):
                yield from _lookup(lookup)
            for hook in items(expect.get("hooks")) if isinstance(expect, Map) else ():
                for name in _keys(hook) if isinstance(hook, Map) else [hook]:
                    yield from _name("hooks", name)


def name_written_at(file: str, text: str, line: int, column: int) -> Name | None:
    """The name that is being written at a place, with a letter more; None if none may stand there.

    The letter, as a value or as a key, lets an unfinished text be read. Lines and columns count from 1.
    """
    lines = text.split("\n")
    before, after = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    for letter in ("x", "x:"):
        written = "\n".join([*lines[: line - 1], f"{before}{letter}{after}", *lines[line:]])
        for name in names_in_scenarios(file, written):
            if name.place.line == line and name.place.column <= column < name.place.column + name.place.length:
                return name
    return None


def _keys(node: Node | None) -> list[Text]:
    return [entry.key for entry in node.entries] if isinstance(node, Map) else []


def _name(kind: Kind, node: Node | None) -> Iterator[Name]:
    if isinstance(node, Text) and node.value:
        yield Name(kind, node.value, node.at(0, len(node.value)), is_definition=False)


def _lookup(key: Text) -> Iterator[Name]:
    """`lookup`, or `flow.lookup` where two flows have one of the same name."""
    flow, dot, lookup = key.value.rpartition(".")
    if dot:
        yield Name("flows", flow, key.at(0, len(flow)), is_definition=False)
    yield Name("lookups", lookup, key.at(len(flow + dot), len(lookup)), is_definition=False)
