"""Names of flows, lookups and hooks in scenario files: for completion, references and renaming."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import NamedTuple

from ncco_server.flow.digraph import reachable
from ncco_server.flow.grammar.reader import items
from ncco_server.flow.nodes import Map, Node, Place, Text, text_of
from ncco_server.flow.source import read_yaml
from ncco_studio.editing.names import FileNames, Name, NameKind, ProjectNames
from ncco_studio.editing.rename import CannotRename
from ncco_studio.verify.scenarios.model import DEFAULTS


class ScenarioName(NamedTuple):
    """A name in a scenario file, with what shows its flow.

    Attributes:
        flow: the flow in `flow.lookup`; "" for other names.
        calls: the calls that use it, each as the maps that describe it, most important first.
    """

    name: Name
    flow: str = ""
    calls: tuple[tuple[Map, ...], ...] = ()


def names_in_scenarios(file: str, text: str) -> Iterator[ScenarioName]:
    """Even if the file has errors; none if it is not YAML."""
    node, _ = read_yaml(file, text)
    maps = {key.value: value for key, value in node.entries if isinstance(value, Map)} if isinstance(node, Map) else {}
    shared = _described_by(maps[DEFAULTS]) if DEFAULTS in maps else ()
    calls = {name: (*_described_by(each), *shared) for name, each in maps.items() if name != DEFAULTS}
    for name, scenario in maps.items():
        own = (calls[name],) if name in calls else tuple(calls.values())
        expect = scenario.get("expect")
        for around in _described_by(scenario):
            yield from _named("flows", around.get("flow"))
        for lookup in _keys(scenario.get("given")):
            yield from _lookup(lookup, own)
        for hook in items(expect.get("hooks")) if isinstance(expect, Map) else ():
            for each in _keys(hook) if isinstance(hook, Map) else [hook]:
                yield from _named("hooks", each, own)


def name_written_at(file: str, text: str, line: int, column: int) -> Name | None:
    """Return the incomplete name at a position, with a letter added; None if no name can be there.

    Adding a letter, as a value or a key, makes unfinished YAML valid. Lines and columns count from 1.
    """
    lines = text.split("\n")
    before, after = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    for letter in ("x", "x:"):
        written = "\n".join([*lines[: line - 1], f"{before}{letter}{after}", *lines[line:]])
        for name, *_ in names_in_scenarios(file, written):
            if name.place.line == line and name.place.column <= column < name.place.column + name.place.length:
                return name
    return None


class Meanings:
    """The definitions of names in a project's scenarios, which are given as path → text."""

    def __init__(self, scenarios: Mapping[str, str], names: ProjectNames) -> None:
        self._names = names
        self._flows = {file.flow: file for file in names.files.values() if file.flow}
        self._shared = tuple(file for file in names.files.values() if not file.flow)
        self._written = [names for file, text in scenarios.items() for names in names_in_scenarios(file, text)]
        self._reached = cache(self._reached_from)

    def references(self, definition: Name) -> list[Name]:
        """Include ambiguous names."""
        return [each.name for each in self._written if definition.place in self._meant_by(each)]

    def renamed(self, definition: Name, new: str) -> list[Name]:
        """Return the names to change.

        Raises CannotRename if a name refers to two definitions, or the new name would.
        """
        kind, old = definition[:2]
        for each in self._written:
            is_new = each.name[:2] == (kind, new) and kind != "flows"
            if is_new and any(definition.place in self._used_in(file, kind, old) for file in self._files(each)):
                raise CannotRename(f'{each.name.place} already uses "{new}": choose another name')
        found = [each for each in self._written if definition.place in self._meant_by(each)]
        for each in found:
            if len(self._meant_by(each)) > 1:
                flows = sorted(file.flow for file in self._files(each) if self._used_in(file, kind, old) and file.flow)
                cure = f"write {' and '.join(f'`{flow}.{old}`' for flow in flows)} first"
                cure = cure if kind == "lookups" else "give each of these flows its own scenario file, with `flow`"
                message = f'{each.name.place} means "{old}" of the flows {", ".join(flows)}'
                raise CannotRename(f"{message}: {cure}")
            if any(self._used_in(file, kind, new) for file in self._files(each) if kind != "flows"):
                raise CannotRename(f'{each.name.place} would also mean another "{new}": choose another name')
        return [each.name for each in found]

    def _meant_by(self, written: ScenarioName) -> set[Place]:
        """If no flow of the call uses the name, its only definition counts."""
        kind, name = written.name[:2]
        if kind == "flows":
            return {_head(self._flows[name]).place} if name in self._flows else set()
        used = (self._used_in(file, kind, name) for file in self._files(written))
        return set(chain.from_iterable(used)) or self._only(kind, name)

    def _only(self, kind: NameKind, name: str) -> set[Place]:
        known = (each for file in self._names.files.values() for each in file.names)
        places = {each.place for each in known if each.is_definition and each[:2] == (kind, name)}
        return places if len(places) == 1 else set()

    def _used_in(self, file: FileNames, kind: NameKind, name: str) -> set[Place]:
        is_used = any(each[:2] == (kind, name) and not each.is_definition for each in file.names)
        defined = self._names.definitions(kind, file.path).get(name) if is_used else None
        return {defined.place} if defined else set()

    def _files(self, written: ScenarioName) -> list[FileNames]:
        starts = [written.flow] if written.flow else chain.from_iterable(map(self._taken_by, written.calls))
        reached = {flow for start in starts for flow in ([start] if written.flow else self._reached(start))}
        return [*(self._flows[flow] for flow in sorted(reached) if flow in self._flows), *self._shared]

    def _taken_by(self, call: Iterable[Map]) -> list[str]:
        """Return the named flow, else those with the call's number, else the default, else all."""
        flow, to = (next(filter(None, (text_of(each.get(word)) for each in call)), "") for word in ("flow", "to"))
        if flow:
            return [flow]
        digits = "".join(filter(str.isdigit, to))
        roots = {name: _head(file).node for name, file in self._flows.items()}
        maps = {name: node for name, node in roots.items() if isinstance(node, Map)}
        numbers = {name: [text_of(item) for item in items(node.get("numbers"))] for name, node in maps.items()}
        found = [name for name, known in numbers.items() if digits in known]
        defaults = [name for name, node in maps.items() if text_of(node.get("default")) == "true"]
        return found or defaults or [*self._flows]

    def _reached_from(self, flow: str) -> frozenset[str]:
        def run_by(each: str) -> Iterator[str]:
            names = (name for file in (self._flows[each], *self._shared) for name in file.names)
            used = (name.name for name in names if name.kind == "flows" and not name.is_definition)
            return (name for name in used if name in self._flows)

        return frozenset(reachable([flow] if flow in self._flows else [], run_by))


def _head(file: FileNames) -> Name:
    return next(name for name in file.names if name.kind == "flows" and name.is_definition)


def _described_by(scenario: Map) -> tuple[Map, ...]:
    call = scenario.get("call")
    return (call, scenario) if isinstance(call, Map) else (scenario,)


def _keys(node: Node | None) -> list[Text]:
    return [entry.key for entry in node.entries] if isinstance(node, Map) else []


def _named(kind: NameKind, node: Node | None, calls: tuple[tuple[Map, ...], ...] = ()) -> Iterator[ScenarioName]:
    if isinstance(node, Text) and node.value:
        yield ScenarioName(Name(kind, node.value, node.at(0, len(node.value)), is_definition=False), calls=calls)


def _lookup(key: Text, calls: tuple[tuple[Map, ...], ...]) -> Iterator[ScenarioName]:
    """Read `lookup`, or `flow.lookup` if two flows have a lookup with this name."""
    flow, dot, lookup = key.value.rpartition(".")
    if dot:
        yield ScenarioName(Name("flows", flow, key.at(0, len(flow)), is_definition=False))
    name = Name("lookups", lookup, key.at(len(flow + dot), len(lookup)), is_definition=False)
    yield ScenarioName(name, flow, calls)
