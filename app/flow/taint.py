"""Taint: which variables may hold what a caller decides, and which a setting of the server.

A URL may begin with a variable of type `url`. That is safe only as long as no caller decides what the variable holds,
and `set`, `collect`, `with` and the values that a sub-flow returns all fill variables. This module finds the variables
that a caller may fill. `app.flow.language.flow` gives them a type that may not begin a URL, so E332 reports each use.
It also finds the variables that may hold a setting of the server (`env`): they may not be spoken either (E330).

The algorithm is reachability in a graph:

1. A *cell* is a variable of a flow, or a value that a flow returns, in one of two aspects. `ANY`: a part of the value
   is the source's. `BEGINNING`: the source decides the beginning of the value, where a URL has its scheme and host.
2. An *edge* leads from a cell to a cell that is computed of it. For each text under `set` or `with`, the literal text
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

from app.flow.language.returns import described, is_described
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.paths import Path
from app.flow.templates.analysis import read_with_includes
from app.flow.templates.escaping import CONTEXTS
from app.flow.templates.references import Occurrence, Walk, references_in
from app.flow.templates.tree import Template

_NO_URL: Final = frozenset({"bool", "int", "number"})
_NO_SETTING: Final = frozenset({"bool"})
_OF_THE_SERVER: Final = frozenset({"now", "locale", "hours", "loop"})


class Aspect(Enum):
    """What a caller decides of a value."""

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
        scope = _Scope(name, (node, *shared), templates)
        for part in (node, *(each for one in shared if (each := one.get("defaults")) is not None)):
            _connect(part, scope, flows, edges)
    filled = _reachable(CALLER, edges, flows, _NO_URL)
    kept = _reachable(SETTING, edges, flows, _NO_SETTING)
    return Tainted(_variables(filled, Aspect.BEGINNING, flows), _variables(kept, Aspect.ANY, flows))


def _reachable(source: Cell, edges: Edges, flows: Mapping[str, Map], harmless: Collection[str]) -> set[Cell]:
    """The cells that a source reaches; those of the types `harmless`, and of words, are not entered."""
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


def _connect(node: Node, scope: _Scope, flows: Mapping[str, Map], edges: Edges) -> None:
    """Add the edges for everything in the nodes of a flow that fills a variable."""
    if isinstance(node, Seq):
        for item in node.items:
            _connect(item, scope, flows, edges)
    elif isinstance(node, Map):
        for source, target in (*_moves(node, scope), *_runs(node, scope, flows), *_collects(node, scope)):
            edges[source].add(target)
        for entry in node.entries:
            _connect(entry.value, scope, flows, edges)


def _moves(node: Map, scope: _Scope) -> Iterator[tuple[Cell, Cell]]:
    """What `set` and `with` of a map fill: source and target."""
    other = node.get("run")
    callee = other.value if isinstance(other, Text) else ""
    is_returned = node.get("return") is not None
    for values, flow in ((node.get("set"), scope.flow), (node.get("with") if callee else None, callee)):
        for entry in values.entries if isinstance(values, Map) else ():
            for source, aspect in _sources(entry.value, scope):
                yield source, Cell(flow, entry.key.value, aspect, is_returned and flow == scope.flow)


def _runs(node: Map, scope: _Scope, flows: Mapping[str, Map]) -> Iterator[tuple[Cell, Cell]]:
    """What a sub-flow returns: source and target."""
    other = node.get("run")
    callee = other.value if isinstance(other, Text) else ""
    for name in _names_under(flows.get(callee), "returns"):
        for aspect in Aspect:
            yield Cell(callee, name, aspect, is_returned=True), Cell(scope.flow, name, aspect)


def _collects(node: Map, scope: _Scope) -> Iterator[tuple[Cell, Cell]]:
    """The variable that a `collect` fills: source and target."""
    into = node.get("into")
    if isinstance(into, Text):
        yield from ((CALLER, Cell(scope.flow, into.value, aspect)) for aspect in Aspect)


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
class _Scope:
    """What the names in the texts of a flow mean.

    Attributes:
        flow: its name.
        nodes: of the flow, then of the shared files; the first that declares a lookup decides.
        templates: file name → text.
    """

    flow: str
    nodes: tuple[Map, ...]
    templates: Mapping[str, str]

    def cell(self, name: str, path: Path, aspect: Aspect) -> Cell | None:
        """Where the value comes from that a name and a way into it lead to; None when no caller decides it."""
        own = self.nodes[0]
        is_variable = any(name in _names_under(own, section) for section in ("vars", "params"))
        lookup = None if is_variable else self._lookup(name)
        if name == "env":
            return SETTING if aspect is Aspect.ANY else None
        if name in _OF_THE_SERVER or (name == "call" and path == ("region_url",)):
            return None
        if lookup is not None:
            is_own_word = aspect is Aspect.BEGINNING and _is_url(lookup.get("returns"), path)
            return None if is_own_word else CALLER
        return CALLER if name in ("call", "input") else Cell(self.flow, name, aspect)

    def _lookup(self, name: str) -> Map | None:
        for node in self.nodes:
            lookups = node.get("lookups")
            found = lookups.get(name) if isinstance(lookups, Map) else None
            if isinstance(found, Map):
                return found
        return None


def _is_url(node: Node | None, path: Path) -> bool:
    """Whether the field of an answer that a way leads to is declared as `url`; `node` is of `returns`."""
    if node is not None and is_described(node):
        return _is_url(described(node, "type"), path)
    if not path:
        return isinstance(node, Text) and node.value in ("url", "url?")
    if isinstance(node, Seq):
        return len(node.items) == 1 and path[0] is None and _is_url(node.items[0], path[1:])
    return isinstance(node, Map) and path[0] is not None and _is_url(node.get(path[0]), path[1:])


def _sources(node: Node, scope: _Scope) -> Iterator[tuple[Cell, Aspect]]:
    """The cells that a written value is computed of, each with the aspect of the result that it decides."""
    if isinstance(node, Seq):
        for item in node.items:
            yield from _sources(item, scope)
    elif isinstance(node, Map):
        for entry in node.entries:
            yield from _sources(entry.value, scope)
    else:
        for value in values_in(node, scope.templates):
            any_part = scope.cell(value.name, value.path, Aspect.ANY)
            beginning = scope.cell(value.name, value.path, Aspect.BEGINNING)
            if any_part is not None:
                yield any_part, Aspect.ANY
            source = beginning if value.is_whole and value.context == "" else any_part
            if source is not None and value.context != "path":
                yield source, Aspect.BEGINNING


_URL: Final = CONTEXTS["url"]


class UrlValue(NamedTuple):
    """A value that a text is made of.

    Attributes:
        name, path: the name that an expression goes into, and how far.
        is_whole: the value may be in the text as it is; otherwise something is computed of it.
        context: where it is, as `CONTEXTS["url"]` says: "" at the beginning, `path` behind the host, ...
    """

    name: str
    path: Path
    is_whole: bool
    context: str


def values_in(text: Text, templates: Mapping[str, str]) -> Iterable[UrlValue]:
    """The values of a text and of the files that it includes, without those that only decide on branches.

    Names that the text gives are replaced by what they stand for.
    """
    if "{{" not in text.value and "{%" not in text.value:
        return ()
    template, _ = read_with_includes(text, templates)
    values = _UrlValues(template)
    values.block(template.body)
    return values.found


class _UrlValues(Walk):
    """Finds the values of a text, each with its place in a URL."""

    def __init__(self, template: Template) -> None:
        super().__init__(template)
        self.found: list[UrlValue] = []

    def on_text(self, node: nodes.TemplateData) -> None:
        """Follow the URL."""
        self.state = self.state._replace(context=_URL.after(self.state.context, node.data))

    def on_value(self, occurrence: Occurrence) -> None:
        """Keep what a value that is written is made of."""
        if occurrence.role == "output":
            context = self.state.context
            held = (each for each in references_in(occurrence) if each.is_held)
            self.found += [UrlValue(each.name, each.path, each.is_whole, context) for each in held]
            self.state = self.state._replace(context=_URL.after_value(context))

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        """The place behind branches; where they end differently, the next value may decide the host."""
        return contexts[0] if len(set(contexts)) == 1 else "host"

    def loop(self, node: nodes.For, tested: frozenset[str]) -> None:
        """A second round begins where the first one has ended."""
        before = self.state.context
        super().loop(node, tested)
        if self.state.context != before:
            super().loop(node, tested)
