"""Reads a `do` as the loader does, and plays the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from textwrap import dedent
from typing import Any

from ncco_server.flow.actions.do import read_do
from ncco_server.flow.actions.part import Part
from ncco_server.flow.actions.waits import DialNeeds, InputNeeds
from ncco_server.flow.frame import Draft, Frame
from ncco_server.flow.grammar.reader import Reader, Resolver
from ncco_server.flow.nodes import Map, Node, Place
from ncco_server.flow.scope import Variable, scope_types
from ncco_server.flow.source import read_yaml
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import TYPES

EXIT = Place("flows/test.yaml", 90, 5)
CALL = {
    "to": "442079460000",
    "from": "447700900123",
    "from_user": "",
    "uuid": "3f9a1c77d2e84b0c9a5566778899aabb",
    "conversation_uuid": "CON-1",
    "sip": {},
    "custom_data": {},
}
_VARIABLES = {
    name: Variable(name, TYPES[type_name], default, Place("flows/test.yaml", 1, 1))
    for name, type_name, default in (
        ("caller", "text", ""),
        ("agent", "phone", ""),
        ("seconds", "int", 0),
        ("flag", "bool", False),
        ("site", "url", ""),
    )
}
NAMES: Mapping[str, Any] = {
    "call": CALL,
    "env": {"CDN": "https://cdn.example.com"},
    "caller": "Ann",
    "agent": "447700900999",
    "seconds": 7,
    "flag": True,
    "site": "https://example.com/a.mp3",
}


def a_reader(templates: Mapping[str, str] | None = None) -> Resolver:
    return Resolver(scope=scope_types(_VARIABLES), templates=Templates(templates))


def nodes(text: str) -> Node:
    node, issues = read_yaml("flows/test.yaml", dedent(text))

    assert not issues
    assert node is not None
    return node


def read(do: str, defaults: str = "", templates: Mapping[str, str] | None = None) -> tuple[tuple[Part, ...], list[str]]:
    """The parts of a `do`, and the issues as `code line:column message | cure`."""
    reader = a_reader(templates)
    parts = read_do(nodes(do), replace(reader, inherited=defaults_of(defaults)))
    return parts, shown(reader)


def parts_of(do: str, defaults: str = "", templates: Mapping[str, str] | None = None) -> tuple[Part, ...]:
    """The parts of a `do` that has no issues."""
    parts, issues = read(do, defaults, templates)

    assert not issues
    return parts


def defaults_of(text: str) -> dict[str, Map]:
    node = nodes(text) if text else None
    entries = node.entries if isinstance(node, Map) else ()
    return {entry.key.value: entry.value for entry in entries if isinstance(entry.value, Map)}


def shown(reader: Reader) -> list[str]:
    return [
        f"{issue.code} {issue.place.line}:{issue.place.column} {issue.message} | {issue.cure}"
        for issue in reader.issues
    ]


def drafts(parts: tuple[Part, ...], position: int = 0, names: Mapping[str, Any] = NAMES) -> list[Draft]:
    frame = Frame(names, position)
    return [draft for part in parts for draft in part.render(frame)]


def play(parts: tuple[Part, ...], position: int = 0, names: Mapping[str, Any] = NAMES) -> list[dict[str, Any]]:
    """The parts as NCCO actions."""
    return [draft.action for draft in drafts(parts, position, names)]


def ask(do: str, needs: InputNeeds, defaults: str = "") -> tuple[tuple[Part, ...], list[str]]:
    """The parts of a step that asks."""
    reader = a_reader()
    reader = replace(reader, inherited=defaults_of(defaults))
    parts = read_do(nodes(do), reader) if do else ()
    return needs.complete(parts, EXIT, reader), shown(reader)


def dial(do: str, *names: str, completed_ends: bool = True) -> tuple[tuple[Part, ...], list[str]]:
    """The parts of a step whose `on` names these outcomes."""
    reader = a_reader({"list.json.j2": '[{"action": "wait"}]'})
    parts = read_do(nodes(do), reader)
    return DialNeeds(frozenset(names), completed_ends).complete(parts, EXIT, reader), shown(reader)
