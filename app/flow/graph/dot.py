"""A drawing in DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.flow.graph.drawing import Arrow, Drawing, Frame, Look, Node, Stroke
from app.flow.report import printable

SHAPES: Final[dict[Look, str]] = {
    "start": "oval",
    "step": "box",
    "ask": "hexagon",
    "decide": "diamond",
    "hold": "parallelogram",
    "run": "component",
    "end": "circle",
}
STROKES: Final[dict[Stroke, str]] = {
    "plain": "",
    "dotted": "style=dashed",
    "error": 'style=dashed, color="#cc0000"',
    "taken": 'penwidth=2, color="#009900"',
    "missed": 'color="#cc0000"',
}

HEAD: Final = """digraph flows {
  rankdir=TB;
  compound=true;
  node [fontname="Helvetica", fontsize=11, style=filled, fillcolor=white];
  edge [fontname="Helvetica", fontsize=10];
"""


def as_dot(drawing: Drawing) -> str:
    """The graph; ends with a line break."""
    frames = [f"  {line}" for frame in drawing.frames for line in _frame(frame)]
    arrows = [f"  {_arrow(arrow)}" for arrow in drawing.arrows]
    return "\n".join([HEAD.rstrip("\n"), *frames, *arrows, "}", ""])


def _frame(frame: Frame) -> Iterator[str]:
    yield f"subgraph cluster_{frame.key} {{"
    yield f"  label={_quoted((frame.title,))};"
    for node in frame.nodes:
        yield f"  {_node(node)}"
    yield "}"


def _node(node: Node) -> str:
    return f"{node.key} [shape={SHAPES[node.look]}, label={_quoted(node.lines)}];"


def _arrow(arrow: Arrow) -> str:
    label = f"label={_quoted(arrow.lines)}" if arrow.lines else ""
    options = ", ".join(option for option in (label, STROKES[arrow.stroke]) if option)
    return f"{arrow.start} -> {arrow.end}{f' [{options}]' if options else ''};"


def _quoted(lines: tuple[str, ...]) -> str:
    return '"' + "\\n".join(escape(line) for line in lines) + '"'


def escape(text: str) -> str:
    """The text between quotes: a backslash would begin an escape, and `&` an HTML entity."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
