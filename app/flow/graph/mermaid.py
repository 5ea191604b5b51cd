"""A drawing in Mermaid, which GitHub, GitLab and many editors show in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from app.flow.graph.drawing import Arrow, Drawing, Frame, Look, Node, Stroke
from app.flow.report import printable

SHAPES: Final[dict[Look, tuple[str, str]]] = {
    "start": ("([", "])"),
    "step": ("[", "]"),
    "ask": ("{{", "}}"),
    "decide": ("{", "}"),
    "hold": ("[/", "/]"),
    "run": ("[[", "]]"),
    "end": ("((", "))"),
}
ARROWS: Final[dict[Stroke, str]] = {"plain": "-->", "dotted": "-.->", "error": "-.->", "taken": "==>", "missed": "-->"}
COLOURS: Final[dict[Stroke, str]] = {"error": "#c00", "taken": "#090", "missed": "#c00"}

_PLAIN = re.compile(r"[^\w \-.,:!?()'/+=*“”…]", re.ASCII)


def as_mermaid(drawing: Drawing) -> str:
    """The flowchart; ends with a line break."""
    lines = ["flowchart TD"]
    for frame in drawing.frames:
        lines += [f"  {line}" for line in _frame(frame)]
    lines += [f"  {_arrow(arrow)}" for arrow in drawing.arrows]
    return "\n".join([*lines, *_classes(drawing), ""])


def _frame(frame: Frame) -> Iterator[str]:
    yield f'subgraph {frame.key}["{escape(frame.title)}"]'
    for node in frame.nodes:
        yield f"  {_node(node)}"
    yield "end"


def _node(node: Node) -> str:
    opening, closing = SHAPES[node.look]
    return f'{node.key}{opening}"{_label(node.lines)}"{closing}'


def _arrow(arrow: Arrow) -> str:
    label = f'|"{_label(arrow.lines)}"|' if arrow.lines else ""
    return f"{arrow.start} {ARROWS[arrow.stroke]}{label} {arrow.end}"


def _classes(drawing: Drawing) -> Iterator[str]:
    """Colours of arrows, where they have any."""
    for stroke, colour in COLOURS.items():
        numbers = [str(number) for number, arrow in enumerate(drawing.arrows) if arrow.stroke == stroke]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} stroke:{colour}"


def _label(lines: tuple[str, ...]) -> str:
    return "<br/>".join(escape(line) for line in lines)


def escape(text: str) -> str:
    """The text between quotes: whatever could mean something to Mermaid or HTML stands as its number.

    A Markdown list would begin with `1.` or `-`, so those are numbers too.
    """
    coded = _PLAIN.sub(lambda found: _coded(found[0]), printable(text))
    return re.sub(r"^(\s*\d+)\.|^(\s*)([-+*])", _unlisted, coded)


def _coded(char: str) -> str:
    return char if ord(char) > 0x7F else f"#{ord(char)};"


def _unlisted(found: re.Match[str]) -> str:
    return f"{found[1]}#46;" if found[1] else f"{found[2]}#{ord(found[3])};"
