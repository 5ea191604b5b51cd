"""Flows as a diagram in Mermaid or DOT (Graphviz)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from ncco_server.flow.action import OWN_CHECKPOINTS
from ncco_server.flow.actions.connect import ConnectTarget, address_of
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Target
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import StepShape, Way
from ncco_server.terminal import printable

MAX_LABEL_CHARACTERS: Final = 48
"""The longest prompt, condition or phrase."""
TEMPLATE_CODE: Final = re.compile(r"(?:\s*(?:\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}))+\.?", re.DOTALL)
MAX_PHRASES: Final = 3
IN_PYTHON: Final = "a handler in Python, which has no picture"
MAX_PLAYED: Final = 3

NodeKind: TypeAlias = StepShape | Literal["start", "end", "link"]
"""A `link` is another flow, in an SVG."""

Stroke = Literal["plain", "dotted", "error"]
"""What an arrow means; with coverage, whether any call has taken the way."""


NODE_SHAPES: Final[Mapping[NodeKind, tuple[str, str, str]]] = {
    "start": ("oval", "([", "])"),
    "step": ("box", "[", "]"),
    "ask": ("hexagon", "{{", "}}"),
    "decide": ("diamond", "{", "}"),
    "hold": ("parallelogram", "[/", "/]"),
    "run": ("component", "[[", "]]"),
    "end": ("circle", "((", "))"),
    "link": ("cds", ">", "]"),
}
ARROW_STYLES: Final[Mapping[Stroke, tuple[str, str, str]]] = {
    "plain": ("", "-->", ""),
    "dotted": ("style=dashed", "-.->", ""),
    "error": ('style=dashed, color="#cc0000"', "-.->", "#c00"),
}
OutcomeKey: TypeAlias = tuple[str, str, str]
"""Flow, step, and outcome. For BEGUN, and a whole flow's ERROR, the step is ""."""
BEGUN: Final = "begun"
ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One box of the diagram. The texts are not escaped.

    Attributes:
        step: "" for a start or an end.
        place: None for an end.
        mark: a warning to show in an SVG; "" for none.
    """

    key: str
    kind: NodeKind
    lines: tuple[str, ...]
    step: str = ""
    place: Place | None = None
    texts: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from one node to another, by their keys.

    Attributes:
        outcomes: those after which a call takes this way; () if unknown.
        width: in an SVG of calls, from 1 (few) to 5 (most), or 0 (none); None in other drawings.
    """

    start: str
    end: str
    lines: tuple[str, ...] = ()
    stroke: Stroke = "plain"
    outcomes: tuple[OutcomeKey, ...] = ()
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Subgraph:
    """The nodes of one flow."""

    key: str
    title: str
    nodes: tuple[GraphNode, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Flows, each in a subgraph, and their arrows."""

    subgraphs: tuple[Subgraph, ...]
    arrows: tuple[Arrow, ...]

    def with_arrows(self, change: Callable[[Arrow], Arrow]) -> Drawing:
        return replace(self, arrows=tuple(map(change, self.arrows)))

    def marked(self, mark_of: Callable[[str, str], str]) -> Drawing:
        """`mark_of` takes a flow and a step; "" for no mark."""
        subgraphs = (
            replace(flow, nodes=tuple(replace(node, mark=mark_of(flow.title, node.step)) for node in flow.nodes))
            for flow in self.subgraphs
        )
        return replace(self, subgraphs=tuple(subgraphs))


def draw(
    flows: Iterable[Flow],
    *,
    errors: bool = False,
    shown_number: Callable[[str], str] = str,
    shown_way: Callable[[Way], str] = attrgetter("name"),
    shown_action: Callable[[str], str] = str,
    has_addresses: bool = True,
) -> Drawing:
    """Draw the flows and all that calls can reach from them.

    `shown_way` returns the words for a way without a label of its own, `shown_action` those for an action. Without
    `has_addresses`, a phrase replaces the path of the webhook that answers a flow's calls.
    """
    shown: dict[str, Flow] = {}
    for flow in flows:
        for each in (flow, *flow.subs.values()):
            shown.setdefault(each.name, each)
    drawers = {
        name: _FlowDrawer(f"f{number}", flow, shown_number, shown_way, shown_action, has_addresses)
        for number, (name, flow) in enumerate(shown.items(), 1)
    }
    arrows = [arrow for drawer in drawers.values() for arrow in drawer.arrows(drawers, errors=errors)]
    return Drawing(tuple(drawer.subgraph() for drawer in drawers.values()), tuple(arrows))


@dataclass
class _FlowDrawer:
    """Draws one flow. The first arrow to an end adds its node to `ends`."""

    key: str
    flow: Flow
    shown_number: Callable[[str], str]
    shown_way: Callable[[Way], str]
    shown_action: Callable[[str], str]
    has_addresses: bool
    ends: dict[str, GraphNode] = field(default_factory=dict)

    @cached_property
    def steps(self) -> dict[str, str]:
        names = (self.flow.start,) if self.flow.handler is not None else self.flow.steps
        return {name: f"{self.key}_s{number}" for number, name in enumerate(names)}

    @property
    def entry_key(self) -> str:
        return f"{self.key}_start"

    def subgraph(self) -> Subgraph:
        """Call this after `arrows`, which adds the end nodes."""
        steps = tuple(
            GraphNode(
                self.steps[name],
                step.exit.shape,
                self._lines(step),
                name,
                step.place,
                tuple(text for part in step.parts if (text := self._played(part, str))),
            )
            for name, step in self.flow.steps.items()
        )
        if self.flow.handler is not None:
            steps = (GraphNode(self.steps[self.flow.start], "step", (IN_PYTHON,), place=self.flow.place),)
        lines = entrances(self.flow, shown=self.shown_number, has_addresses=self.has_addresses)
        start = GraphNode(self.entry_key, "start", lines, place=self.flow.place)
        return Subgraph(self.key, self.flow.name, (start, *steps, *self.ends.values()))

    def arrows(self, drawers: Mapping[str, _FlowDrawer], *, errors: bool) -> Iterator[Arrow]:
        flow = self.flow.name
        yield Arrow(self.entry_key, self.steps[self.flow.start], outcomes=((flow, "", BEGUN),))
        for step in self.flow.steps.values():
            here = self.steps[step.name]
            for ways in _joined_ways(step):
                target = ways[0].target
                stroke: Stroke = "dotted" if target.runs else "plain"
                outcomes = tuple((flow, step.name, name) for way in ways for name in way.outcomes)
                label = _label_of(ways, self.shown_way)
                yield Arrow(here, self._target_key(target, drawers), label, stroke, outcomes)
            for called in dict.fromkeys(target.heard.flow for target in step.targets if target.heard is not None):
                yield Arrow(here, drawers[called].entry_key, ("onAnswer",), "dotted")
            if errors and step.error is not None:
                outcomes = ((flow, step.name, ERROR),)
                yield Arrow(here, self._target_key(step.error, drawers), ("error",), "error", outcomes)
        if errors and self.flow.error is not None:
            start = self._end_key("error", "any error")
            yield Arrow(start, self._target_key(self.flow.error, drawers), (), "error", ((flow, "", ERROR),))

    def _target_key(self, target: Target, drawers: Mapping[str, _FlowDrawer]) -> str:
        if target.runs is not None:
            return drawers[target.runs.flow].entry_key
        if target.returns:
            named = "return" if target.returns == "return" else f"return {target.returns}"
            return self._end_key(f"return_{target.returns}", named)
        return self._end_key("end", "end") if target.step is None else self.steps[target.step]

    def _lines(self, step: Step) -> tuple[str, ...]:
        asked = ", ".join(ask.name for ask in step.asks)
        played = [text for part in step.parts if (text := self._played(part, _literal_words))]
        more = [f"and {len(played) - MAX_PLAYED} more"] if len(played) > MAX_PLAYED else []
        return (step.name, *([f"look up {asked}"] if asked else []), *played[:MAX_PLAYED], *more)

    def _played(self, part: Part, cut: Callable[[str], str]) -> str:
        """Return "" for an action of the exit, such as a menu's `input`."""
        if part.targets:
            targets = ", ".join(cut(_dialled(target, self.shown_number)) for target in part.targets)
            return f"{self.shown_action('connect')} {targets}"
        if not part.actions:
            return self.shown_action("ncco")
        (action,) = part.actions
        if action.word == "input" or action.checkpoint in OWN_CHECKPOINTS:
            return ""
        spoken = action.in_locale("")
        if text := spoken.literal("text") or getattr(spoken.fields.get("text"), "source", ""):
            return f"“{cut(text)}”"
        return f"checkpoint {action.checkpoint}" if action.checkpoint else self.shown_action(action.word)

    def _end_key(self, name: str, line: str) -> str:
        return self.ends.setdefault(name, GraphNode(f"{self.key}_e{len(self.ends)}", "end", (line,))).key


def entrances(
    flow: Flow, *, has_all: bool = False, shown: Callable[[str], str], has_addresses: bool = True
) -> tuple[str, ...]:
    """`has_all`: no flow has numbers, so the default flow takes all calls."""
    found = [f"call to {shown(number)}" for number in flow.numbers]
    found += [f"call to any{'' if has_all else ' other'} number"] if flow.default else []
    if flow.entry:
        found.append(f"/webhooks/answer/{flow.name}" if has_addresses else "call sent here")
    found += ["placed call"] if flow.outbound is not None else []
    return tuple(found) or (f"run {flow.name}",)


def _dialled(target: ConnectTarget, shown_number: Callable[[str], str]) -> str:
    endpoint = target.literal("endpoint")
    if endpoint is None and target.kind == "websocket":
        return "a websocket"
    return shown_number(address_of(endpoint[0])) or str(endpoint[0]["type"]) if endpoint else "a computed number"


def _joined_ways(step: Step) -> Iterable[list[Way]]:
    joined: dict[tuple[int, str], list[Way]] = {}
    for number, way in enumerate(step.exit.ways, 1):
        joined.setdefault((number if way.is_alone else 0, way.target.shown), []).append(way)
    return joined.values()


def _label_of(ways: Sequence[Way], shown_way: Callable[[Way], str]) -> tuple[str, ...]:
    first = ways[0]
    if first.label is not None:
        return (first.label,) if first.label else ()
    names = shorten(", ".join(map(shown_way, ways)))
    if first.choice is not None:
        said = list(first.choice.phrases)
        phrases = [f"“{shorten(phrase)}”" for phrase in said[:MAX_PHRASES]]
        more = ["…"] if len(said) > MAX_PHRASES else []
        return (names, ", ".join([*first.choice.keys, *phrases, *more]))
    return (names, shorten(first.detail)) if first.detail else (names,)


def _literal_words(text: str) -> str:
    return shorten(TEMPLATE_CODE.sub(" …", text))


def shorten(text: str) -> str:
    """Cut a long text after a word."""
    line = " ".join(text.split())
    if len(line) <= MAX_LABEL_CHARACTERS:
        return line
    start = line[: MAX_LABEL_CHARACTERS - 1]
    words = start.rpartition(" ")[0]
    return f"{(words if len(words) > MAX_LABEL_CHARACTERS // 2 else start).rstrip(' .,;:…')}…"


def as_mermaid(drawing: Drawing) -> str:
    """Ends with a line break."""
    lines = ["flowchart TD"]
    for flow in drawing.subgraphs:
        lines.append(f'  subgraph {flow.key}["{_in_mermaid((flow.title,))}"]')
        for node in flow.nodes:
            _, opening, closing = NODE_SHAPES[node.kind]
            lines.append(f'    {node.key}{opening}"{_in_mermaid(node.lines)}"{closing}')
        lines.append("  end")
    for arrow in drawing.arrows:
        label = f'|"{_in_mermaid(arrow.lines)}"|' if arrow.lines else ""
        lines.append(f"  {arrow.start} {ARROW_STYLES[arrow.stroke][1]}{label} {arrow.end}")
    for stroke, (_, _, colour) in ARROW_STYLES.items():
        numbers = [str(number) for number, arrow in enumerate(drawing.arrows) if arrow.stroke == stroke]
        if numbers and colour:
            lines.append(f"  linkStyle {','.join(numbers)} stroke:{colour}")
    return "\n".join([*lines, ""])


_SPECIAL = re.compile(r"[^\w \-.,:!?()'/+=*“”…\x80-\U0010ffff]", re.ASCII)
_LIST = re.compile(r"^(\s*\d+(?=\.)|\s*(?=[-+*]))(.)")


def _in_mermaid(lines: Iterable[str]) -> str:
    """Escape what Mermaid, HTML or a Markdown list (`1.` or `-`) would read."""
    coded = (_SPECIAL.sub(lambda found: f"#{ord(found[0])};", printable(line)) for line in lines)
    return "<br/>".join(_LIST.sub(lambda found: f"{found[1]}#{ord(found[2])};", line) for line in coded)


DOT_HEAD: Final = """digraph flows {
  rankdir=TB;
  compound=true;
  node [fontname="Helvetica", fontsize=11, style=filled, fillcolor=white];
  edge [fontname="Helvetica", fontsize=10];
"""


def as_dot(drawing: Drawing) -> str:
    """Ends with a line break."""
    lines = [DOT_HEAD.rstrip("\n")]
    for flow in drawing.subgraphs:
        lines += [f"  subgraph cluster_{flow.key} {{", f"    label={_in_dot((flow.title,))};"]
        lines += [
            f"    {node.key} [shape={NODE_SHAPES[node.kind][0]}, label={_in_dot(node.lines)}];" for node in flow.nodes
        ]
        lines.append("  }")
    for arrow in drawing.arrows:
        label = f"label={_in_dot(arrow.lines)}" if arrow.lines else ""
        options = ", ".join(filter(None, (label, ARROW_STYLES[arrow.stroke][0])))
        lines.append(f"  {arrow.start} -> {arrow.end}{f' [{options}]' if options else ''};")
    return "\n".join([*lines, "}", ""])


def _in_dot(lines: Iterable[str]) -> str:
    """A backslash would start an escape sequence, and `&` an HTML entity."""
    escaped = (printable(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
