"""Taint: which variables may hold a caller's data, and which may hold a setting of the server.

A URL may begin with a variable of type `url`. That is safe only as long as no caller decides what the variable holds,
and `set`, `collect`, `with` and the values that a sub-flow returns all fill variables. This module finds the variables
that a caller may fill. `app.flow.language.flow` gives them a type that may not begin a URL, so E332 reports each use.
It also finds the variables that may hold a setting of the server (`env`): they may not be spoken either (E330).

The algorithm is reachability in a graph:

1. A *cell* is a variable of a flow, or a value that a flow returns, in one of two aspects. `ANY`: a part of the value
   is the source's. `BEGINNING`: the source decides the beginning of the value, where a URL has its scheme and host.
2. An *edge* leads from a cell to a cell that is computed from it. For each text under `set` or `with`, the literal text
   in front of a value decides, as it does where a URL is written (`app.flow.templates.escaping`):

   - behind a scheme and host (`https://cdn.example.com/{{ x }}`), the source's part in `x` stays a part: ANY → ANY;
   - at the beginning, a value as it is (`{{ x }}`, `{{ x | default(y) }}`, `{{ x if c else y }}`) keeps its aspects;
   - anything else, such as `https://{{ x }}`, `{{ x[8:] }}` or `{{ x | lower }}`, may turn any part into the beginning:
     ANY → BEGINNING.

   Names that a template sets and the files that it includes are followed. Conditions are not, since they only choose
   among values. What a sub-flow returns goes to the variable of the same name in each flow that runs it.
3. The source `CALLER` is what a caller sends: `call` (but for `region_url`, which is Vonage's), `input`, variables that
   a `collect` fills, and answers of lookups, except fields that are declared as `url`: those are the lookup's own
   choice. The source `SETTING` is `env`.
4. A `bool`, a number and one of a list of words hold no URL, and a `bool` and one of a list of words reveal no setting:
   there the search ends.

Every variable that `CALLER` reaches in the aspect BEGINNING, and that `SETTING` reaches in the aspect ANY, is tainted.
The input is the nodes of the files as YAML has them, since the types must be known before the values are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.grammar.reader import has_braces
from app.flow.language.returns import described, is_described
from app.flow.nodes import Map, Node, Seq, Text, texts_in, walk
from app.flow.paths import Path
from app.flow.templates.analysis import read_with_includes
from app.flow.templates.escaping import CONTEXTS
from app.flow.templates.references import Occurrence, Reference, Walk, references_in
from app.flow.templates.tree import Template

_NO_URL: Final = frozenset({"bool", "int", "number"})
_NO_SETTING: Final = frozenset({"bool"})
_OF_THE_SERVER: Final = frozenset({"now", "locale", "hours", "loop"})


class Aspect(Enum):
    """Which part of a value the source decides."""

    ANY = "any"
    BEGINNING = "beginning"


class Cell(NamedTuple):
    """A variable of a flow, or with `is_returned` the value that the flow returns under the name."""

    flow: str
    name: str
    aspect: Aspect
    is_returned: bool = False


CALLER: Final = Cell("", "", Aspect.BEGINNING)
"""The source of everything that a caller decides."""

SETTING: Final = Cell("", "env", Aspect.ANY)
"""The source of the settings of the server."""

Edges: TypeAlias = dict[Cell, set[Cell]]


class Tainted(NamedTuple):
    """Variables by flow: those whose beginning a caller may decide, and those that may hold a setting."""

    by_caller: Mapping[str, frozenset[str]]
    by_setting: Mapping[str, frozenset[str]]


def tainted(flows: Mapping[str, Map], shared: Iterable[Map], templates: Mapping[str, str]) -> Tainted:
    """The tainted variables.

    Args:
        flows: the nodes of each flow file, by the flow's name.
        shared: the nodes of the shared files.
        templates: the files that a text may include, by name.
    """
    shared = tuple(shared)
    edges: Edges = defaultdict(set)
    for name, node in flows.items():
        reader = _EdgeReader(name, (node, *shared), templates, flows)
        for part in (node, *(each for one in shared if (each := one.get("defaults")) is not None)):
            for source, target in reader.edges(part):
                edges[source].add(target)
    filled = _reachable(CALLER, edges, flows, _NO_URL)
    kept = _reachable(SETTING, edges, flows, _NO_SETTING)
    return Tainted(_variables(filled, Aspect.BEGINNING, flows), _variables(kept, Aspect.ANY, flows))


def _reachable(source: Cell, edges: Edges, flows: Mapping[str, Map], harmless: Collection[str]) -> set[Cell]:
    """The cells that a source reaches, without those of the types `harmless` and of lists of words."""
    found, waiting = {source}, [source]
    while waiting:
        reached = edges.get(waiting.pop(), set()) - found
        new = {cell for cell in reached if not _is_declared_as(harmless, flows.get(cell.flow), cell.name)}
        found |= new
        waiting += new
    return found


def _variables(cells: set[Cell], aspect: Aspect, flows: Iterable[str]) -> dict[str, frozenset[str]]:
    return {
        flow: frozenset(
            cell.name for cell in cells if cell.flow == flow and cell.aspect is aspect and not cell.is_returned
        )
        for flow in flows
    }


def _names_under(node: Map | None, section: str) -> tuple[str, ...]:
    declared = node.get(section) if node is not None else None
    return tuple(entry.key.value for entry in declared.entries) if isinstance(declared, Map) else ()


def _is_declared_as(types: Collection[str], flow: Map | None, name: str) -> bool:
    """Whether a flow declares a name as one of some types, or as one of a list of words."""
    for section in ("vars", "params", "returns"):
        declared = flow.get(section) if flow is not None else None
        about = declared.get(name) if isinstance(declared, Map) else None
        type_ = about.get("type") if isinstance(about, Map) else about
        if isinstance(type_, Seq) or (isinstance(type_, Text) and type_.value in types):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _EdgeReader:
    """Reads the edges of one flow.

    Attributes:
        flow: its name.
        nodes: of the flow, then of the shared files; the first that declares a lookup decides.
        templates: file name → text.
        flows: the nodes of every flow, by name.
    """

    flow: str
    nodes: tuple[Map, ...]
    templates: Mapping[str, str]
    flows: Mapping[str, Map]

    def edges(self, node: Node) -> Iterator[tuple[Cell, Cell]]:
        """Source and target of everything in a node that fills a variable."""
        for inner in walk(node):
            if isinstance(inner, Map):
                yield from self._edges_of_map(inner)

    def _edges_of_map(self, node: Map) -> Iterator[tuple[Cell, Cell]]:
        """What a map fills by `set` and `with`, by what a sub-flow returns, and by `collect`."""
        other, into = node.get("run"), node.get("into")
        callee = other.value if isinstance(other, Text) else ""
        yield from self._assigned(node.get("set"), self.flow, is_returned=node.get("return") is not None)
        yield from self._assigned(node.get("with"), callee) if callee else ()
        for aspect in Aspect:
            for name in _names_under(self.flows.get(callee), "returns"):
                yield Cell(callee, name, aspect, is_returned=True), Cell(self.flow, name, aspect)
            if isinstance(into, Text):
                yield CALLER, Cell(self.flow, into.value, aspect)

    def _assigned(self, values: Node | None, flow: str, *, is_returned: bool = False) -> Iterator[tuple[Cell, Cell]]:
        for entry in values.entries if isinstance(values, Map) else ():
            for source, aspect in self._sources(entry.value):
                yield source, Cell(flow, entry.key.value, aspect, is_returned)

    def _sources(self, node: Node) -> Iterator[tuple[Cell, Aspect]]:
        """The cells that a written value is computed of, each with the aspect of the result that it decides."""
        for text in texts_in(node):
            if has_braces(text):
                template, _ = read_with_includes(text, self.templates)
                values = _SourceWalk(template, self)
                values.block(template.body)
                yield from values.found

    def cell(self, name: str, path: Path, aspect: Aspect) -> Cell | None:
        """The cell that the value at a path within a name comes from; None when it comes from no source."""
        own = self.nodes[0]
        is_variable = any(name in _names_under(own, section) for section in ("vars", "params"))
        lookup = None if is_variable else self._lookup(name)
        if name == "env":
            return SETTING if aspect is Aspect.ANY else None
        if name in _OF_THE_SERVER or (name == "call" and path == ("region_url",)):
            return None
        if lookup is not None:
            is_own_url = aspect is Aspect.BEGINNING and _is_url(lookup.get("returns"), path)
            return None if is_own_url else CALLER
        return CALLER if name in ("call", "input") else Cell(self.flow, name, aspect)

    def _lookup(self, name: str) -> Map | None:
        for node in self.nodes:
            lookups = node.get("lookups")
            found = lookups.get(name) if isinstance(lookups, Map) else None
            if isinstance(found, Map):
                return found
        return None


def _is_url(node: Node | None, path: Path) -> bool:
    """Whether the field of an answer at a path is declared as `url`; `node` is the lookup's `returns`."""
    if node is not None and is_described(node):
        return _is_url(described(node, "type"), path)
    if not path:
        return isinstance(node, Text) and node.value in ("url", "url?")
    if isinstance(node, Seq):
        return len(node.items) == 1 and path[0] is None and _is_url(node.items[0], path[1:])
    return isinstance(node, Map) and path[0] is not None and _is_url(node.get(path[0]), path[1:])


_URL: Final = CONTEXTS["url"]


class _SourceWalk(Walk):
    """Finds what a text is computed of, by the place of each value in a URL.

    A name that the template sets is replaced by its value. Conditions are left out.
    """

    def __init__(self, template: Template, reader: _EdgeReader) -> None:
        super().__init__(template)
        self.reader = reader
        self.found: list[tuple[Cell, Aspect]] = []

    def on_text(self, node: nodes.TemplateData) -> None:
        """Follow the URL."""
        self.state = self.state._replace(context=_URL.after(self.state.context, node.data))

    def on_value(self, occurrence: Occurrence) -> None:
        """Add the sources of a value that the template outputs."""
        if occurrence.role == "output":
            for each in references_in(occurrence):
                if each.is_part:
                    self._add(each)
            self.state = self.state._replace(context=_URL.after_value(self.state.context))

    def _add(self, value: Reference) -> None:
        context = self.state.context
        any_part = self.reader.cell(value.name, value.path, Aspect.ANY)
        is_beginning = value.is_whole and context == ""
        source = self.reader.cell(value.name, value.path, Aspect.BEGINNING) if is_beginning else any_part
        if any_part is not None:
            self.found.append((any_part, Aspect.ANY))
        if source is not None and context != "path":
            self.found.append((source, Aspect.BEGINNING))

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        """The position in the URL after branches; `host` when they end differently, which is the safe assumption."""
        return contexts[0] if len(set(contexts)) == 1 else "host"

    def loop(self, node: nodes.For, tested: frozenset[str]) -> None:
        """Visit the loop twice if needed: the second round begins at the position in the URL where the first ended."""
        before = self.state.context
        super().loop(node, tested)
        if self.state.context != before:
            super().loop(node, tested)
