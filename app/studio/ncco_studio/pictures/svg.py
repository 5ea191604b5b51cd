"""Flows as an SVG: a separate picture, or part of a page, with classes and attributes for a style sheet.

No element has a `style` attribute, which a strict Content-Security-Policy forbids.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from ncco_server.terminal import printable
from ncco_studio.pictures.graph import Arrow, Drawing, GraphNode, Subgraph
from ncco_studio.pictures.layout import Layout, Link, Rect, Route, Size, arrange

NAME_SIZE: Final = 13.0
LINE_SIZE: Final = 12.0
LABEL_SIZE: Final = 11.0
"""The style sheet must have the same sizes."""
LEADING: Final = 1.35
MAX_TEXT_WIDTH: Final = 150.0
MAX_LABEL_WIDTH: Final = 110.0
"""Narrow, so that most flows fit a window at full size."""
FRAME_PADDING: Final = 14.0
TITLE_HEIGHT: Final = 30.0
FRAME_GAP: Final = 28.0
ASPECT: Final = 1.6
HEAD: Final = 8.0
SLANT: Final = 13.0

PADDING: Final = {
    "link": 18.0,
    "start": 18.0,
    "step": 14.0,
    "ask": 26.0,
    "decide": 6.0,
    "hold": 28.0,
    "run": 22.0,
    "end": 14.0,
}

_GROUPS: Final = {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft", 333: "()-`r“”·", 334: "{}", 355: '"', 389: "*", 469: "^",
    500: "Jcksvxyz", 556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~", 611: "FTZß", 667: "&ABEKPSVXY", 722: "CDHNRUw",
    778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1015: "@…→",
}  # fmt: skip
_WIDTHS: Final = {char: width for width, chars in _GROUPS.items() for char in chars}
"""In thousandths of the font size, for Helvetica; Arial and Liberation Sans have the same."""
_BOLD: Final = 1.08


def text_width(text: str, size: float) -> float:
    return sum(_char_width(char) for char in unicodedata.normalize("NFD", text)) * size / 1000


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return _WIDTHS.get(char) or (1000 if unicodedata.east_asian_width(char) in "WF" else 680)


THUMBNAIL: Final = Size(420, 190)
"""What the view `#start` of a picture shows."""


def as_svg(drawing: Drawing, stylesheet: str = "", *, room_for: Drawing | None = None) -> str:
    """Ends with a line break.

    With a style sheet, the SVG has a view `#start` around its first flow's start. With `room_for`, the same drawing
    with longer texts, everything has the place that it has there.
    """
    wide = room_for or drawing
    frames = [_Frame.of(flow, drawing, of, wide) for flow, of in zip(drawing.subgraphs, wide.subgraphs, strict=True)]
    places, size = _packed([frame.size for frame in frames])
    label = "Flow " + ", ".join(flow.title for flow in drawing.subgraphs)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" aria-label="{_text(label)}"'
        f' viewBox="0 0 {_numbers(*size)}" width="{_numbers(size.width)}" height="{_numbers(size.height)}">'
    )
    style = [f"<style>{escape(stylesheet, quote=False)}</style>", _start_view(frames)] if stylesheet else []
    drawn = [line for frame, place in zip(frames, places, strict=True) for line in frame.drawn(*place)]
    return "\n".join([opening, *style, *drawn, "</svg>", ""])


def _start_view(frames: Sequence[_Frame]) -> str:
    left, top = frames[0].start if frames else (0.0, 0.0)
    part = _numbers(left - THUMBNAIL.width / 2, top - TITLE_HEIGHT, *THUMBNAIL)
    return f'<view id="start" viewBox="{part}" preserveAspectRatio="xMidYMin"/>'


@dataclass(frozen=True)
class _Frame:
    """One flow, laid out, with a node of kind `link` for each other flow an arrow leads to."""

    flow: Subgraph
    nodes: tuple[GraphNode, ...]
    arrows: tuple[tuple[Arrow, int, int], ...]
    layout: Layout

    @classmethod
    def of(cls, flow: Subgraph, drawing: Drawing, wide_flow: Subgraph, wide: Drawing) -> _Frame:
        """Lay out the flow with the texts of `wide`."""
        nodes, arrows = _parts(flow, drawing)
        wide_nodes, wide_arrows = _parts(wide_flow, wide)
        links = [Link(start, end, _label_size(arrow), arrow.stroke) for arrow, start, end in wide_arrows]
        return cls(flow, nodes, arrows, arrange([_node_size(node) for node in wide_nodes], links))

    @property
    def size(self) -> Size:
        title = text_width(self.flow.title, NAME_SIZE) * _BOLD
        width = max(self.layout.size.width, title) + 2 * FRAME_PADDING
        return Size(width, self.layout.size.height + TITLE_HEIGHT + 2 * FRAME_PADDING)

    @property
    def corner(self) -> tuple[float, float]:
        return (self.size.width - self.layout.size.width) / 2, TITLE_HEIGHT + FRAME_PADDING

    @property
    def start(self) -> tuple[float, float]:
        x, y = self.corner
        first = self.layout.nodes[0]
        return x + first.x + first.width / 2, y + first.y

    def drawn(self, x: float, y: float) -> Iterator[str]:
        """Edges are drawn below the nodes."""
        width, height = map(_numbers, self.size)
        title = _text(self.flow.title)
        corner = _numbers(*self.corner)
        yield f'<g class="flow" data-flow="{title}" transform="translate({_numbers(x, y)})">'
        yield f'<rect class="frame" width="{width}" height="{height}" rx="10"/>'
        yield f'<text class="title" x="{_numbers(FRAME_PADDING)}" y="{_numbers(TITLE_HEIGHT)}">{title}</text>'
        yield f'<g transform="translate({corner})">'
        for (arrow, start, end), route in zip(self.arrows, self.layout.routes, strict=True):
            yield from self._edge(arrow, start, end, route)
        for (arrow, _, _), route in zip(self.arrows, self.layout.routes, strict=True):
            if route.label is not None and arrow.lines:
                yield from _label(arrow, route.label)
        for node, rect in zip(self.nodes, self.layout.nodes, strict=True):
            yield from self._node(node, rect)
        yield "</g>"
        yield "</g>"

    def _edge(self, arrow: Arrow, start: int, end: int, route: Route) -> Iterator[str]:
        first, *between, last = route.points
        first = _at_border(first, self.nodes[start], self.layout.nodes[start])
        last = _at_border(last, self.nodes[end], self.layout.nodes[end])
        line, head = _line((first, *between, last), is_loop=route.is_loop)
        names = [self.nodes[number].lines[0] for number in (start, end)]
        title = " → ".join(names) + (f": {', '.join(arrow.lines)}" if arrow.lines else "")
        steps = f'data-start="{_text(self.nodes[start].step)}" data-end="{_text(self.nodes[end].step)}"'
        width = "" if arrow.width is None else f" w{arrow.width}"
        yield f'<g class="edge {arrow.stroke}{width}" {steps}>'
        yield f'<title>{_text(title)}</title><path class="line" d="{line}"/><path class="head" d="{head}"/></g>'

    def _node(self, node: GraphNode, rect: Rect) -> Iterator[str]:
        place = f' data-file="{_text(node.place.file)}" data-line="{node.place.line}"' if node.place else ""
        flow = node.lines[0] if node.kind == "link" else self.flow.title
        marked = " marked" if node.mark else ""
        yield f'<g class="node {node.kind}{marked}" data-flow="{_text(flow)}" data-step="{_text(node.step)}"{place}>'
        title = node.lines[0], *filter(None, [node.mark]), *(node.texts or node.lines[1:])
        yield "<title>{}</title>".format("\n".join(map(_text, title)))
        yield _shape(node, rect)
        yield from _lines(_node_text(node), rect)
        yield "</g>"


def _parts(flow: Subgraph, drawing: Drawing) -> tuple[tuple[GraphNode, ...], tuple[tuple[Arrow, int, int], ...]]:
    """Return the nodes of a flow, with its links, and its arrows from one node's number to another's."""
    titles = {node.key: other.title for other in drawing.subgraphs for node in other.nodes}
    nodes = {node.key: node for node in flow.nodes}
    inside = [arrow for arrow in drawing.arrows if arrow.start in nodes]
    for arrow in inside:
        if arrow.end not in nodes:
            nodes[arrow.end] = GraphNode(arrow.end, "link", (titles[arrow.end],))
    numbers = {key: number for number, key in enumerate(nodes)}
    arrows = tuple((arrow, numbers[arrow.start], numbers[arrow.end]) for arrow in inside)
    return tuple(nodes.values()), arrows


def _text(text: str) -> str:
    return escape(printable(" ".join(text.split())))


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.1f}".removesuffix(".0") for value in values)


def _wrapped(text: str, size: float, width: float) -> Iterator[str]:
    """A word longer than `width` is broken."""
    line = ""
    for word in text.split(" "):
        rest = f"{line} {word}" if line else word
        if line and text_width(rest, size) > width:
            yield line
            rest = word
        while text_width(rest, size) > width:
            fit = next(end for end in range(len(rest), 0, -1) if end == 1 or text_width(rest[:end], size) <= width)
            yield rest[:fit]
            rest = rest[fit:]
        line = rest
    yield line


def _node_text(node: GraphNode) -> list[tuple[str, str, float]]:
    name, *lines = map(printable, node.lines)
    return [
        *((line, "name", NAME_SIZE) for line in _wrapped(name, NAME_SIZE * _BOLD, MAX_TEXT_WIDTH)),
        *((part, "line", LINE_SIZE) for line in lines for part in _wrapped(line, LINE_SIZE, MAX_TEXT_WIDTH)),
        *(
            (part, "mark", LINE_SIZE)
            for part in _wrapped(printable(node.mark), LINE_SIZE * _BOLD, MAX_TEXT_WIDTH)
            if part
        ),
    ]


def _label_text(arrow: Arrow) -> list[tuple[str, str, float]]:
    """If the arrow shows calls, the last line is their number."""
    parts = (part for line in arrow.lines for part in _wrapped(printable(line), LABEL_SIZE, MAX_LABEL_WIDTH))
    lines = [(part, "line", LABEL_SIZE) for part in parts]
    return [*lines[:-1], (lines[-1][0], "count", LABEL_SIZE)] if lines and arrow.width else lines


def _text_size(lines: Sequence[tuple[str, str, float]]) -> Size:
    widths = (text_width(text, size) * (1 if kind == "line" else _BOLD) for text, kind, size in lines)
    return Size(max(widths, default=0), sum(size * LEADING for _, _, size in lines))


def _lines(lines: Sequence[tuple[str, str, float]], rect: Rect) -> Iterator[str]:
    y = rect.y + (rect.height - _text_size(lines).height) / 2
    for text, kind, size in lines:
        y += size * LEADING
        place = f'x="{_numbers(rect.x + rect.width / 2)}" y="{_numbers(y - size * (LEADING - 1))}"'
        yield f'<text class="{kind}" {place}>{escape(text)}</text>'


def _node_size(node: GraphNode) -> Size:
    width, height = _text_size(_node_text(node))
    if node.kind != "decide":
        return Size(width + 2 * PADDING[node.kind], height + 14)
    # a rectangle touches the sides of a diamond if width / outer width + height / outer height = 1
    outer = 2 * height + 20
    return Size(width / (1 - height / outer) + 2 * PADDING[node.kind], outer)


def _label_size(arrow: Arrow) -> Size | None:
    lines = _label_text(arrow)
    width, height = _text_size(lines)
    return Size(width + 10, height + 4) if lines else None


def _label(arrow: Arrow, rect: Rect) -> Iterator[str]:
    yield f'<g class="label {arrow.stroke}">{_rectangle(rect, 4)}'
    yield from _lines(_label_text(arrow), rect)
    yield "</g>"


def _rectangle(rect: Rect, radius: float) -> str:
    x, y, width, height = map(_numbers, rect)
    return f'<rect class="shape" x="{x}" y="{y}" width="{width}" height="{height}" rx="{_numbers(radius)}"/>'


def _shape(node: GraphNode, rect: Rect) -> str:
    left = rect.x
    top = rect.y
    right = rect.x + rect.width
    bottom = rect.y + rect.height
    middle = (top + bottom) / 2
    centre = (left + right) / 2
    slant = SLANT
    match node.kind:
        case "start" | "end":
            return _rectangle(rect, rect.height / 2)
        case "ask":
            corners = [
                (left, middle), (left + slant, top), (right - slant, top),
                (right, middle), (right - slant, bottom), (left + slant, bottom),
            ]  # fmt: skip
        case "decide":
            corners = [(left, middle), (centre, top), (right, middle), (centre, bottom)]
        case "hold":
            corners = [(left + slant, top), (right, top), (right - slant, bottom), (left, bottom)]
        case "link":
            corners = [(left, top), (right - slant, top), (right, middle), (right - slant, bottom), (left, bottom)]
        case _:
            sides = "".join(f"M{_numbers(x, top)}V{_numbers(bottom)}" for x in (left + 7, right - 7))
            bars = f'<path class="bars" d="{sides}"/>' if node.kind == "run" else ""
            return _rectangle(rect, 6) + bars
    return f'<polygon class="shape" points="{" ".join(_numbers(*corner) for corner in corners)}"/>'


def _at_border(point: tuple[float, float], node: GraphNode, rect: Rect) -> tuple[float, float]:
    """Move a point from the rectangle's border to the node's outline."""
    if node.kind != "decide":
        return point
    middle = rect.y + rect.height / 2
    part = 1 - abs(point[0] - rect.x - rect.width / 2) / (rect.width / 2)
    return (point[0], middle + (point[1] - middle) * part)


def _line(points: Sequence[tuple[float, float]], *, is_loop: bool) -> tuple[str, str]:
    tip_x, tip_y = points[-1]
    if is_loop:
        curve = f"M{_numbers(*points[0])}C{' '.join(_numbers(*point) for point in points[1:])}"
        return curve, _head(tip_x, tip_y, 1, 0)
    down = math.copysign(1, tip_y - points[0][1])
    path = [f"M{_numbers(*points[0])}"]
    points = [*points[:-1], (tip_x, tip_y - down * HEAD / 2)]
    for (x, y), (next_x, next_y) in pairwise(points):
        middle = (y + next_y) / 2
        curve = f"C{_numbers(x, middle, next_x, middle, next_x, next_y)}"
        path.append(f"V{_numbers(next_y)}" if x == next_x else curve)
    return "".join(path), _head(tip_x, tip_y, 0, -down)


def _head(x: float, y: float, back_x: float, back_y: float) -> str:
    base_x, base_y = x + back_x * HEAD, y + back_y * HEAD
    side_x, side_y = back_y * HEAD / 2, back_x * HEAD / 2
    corners = (x, y), (base_x + side_x, base_y + side_y), (base_x - side_x, base_y - side_y)
    return f"M{'L'.join(_numbers(*corner) for corner in corners)}Z"


def _packed(sizes: Sequence[Size]) -> tuple[list[tuple[float, float]], Size]:
    """Return the upper left corners and the total size."""
    area = sum(width * height for width, height in sizes)
    limit = max([math.sqrt(area * ASPECT), *(size.width for size in sizes)])
    places = list[tuple[float, float]]()
    x = 0.0
    y = 0.0
    row = 0.0
    widest = 0.0
    for width, height in sizes:
        if x and x + width > limit:
            x = 0.0
            y = y + row + FRAME_GAP
            row = 0.0
        places.append((x, y))
        row = max(row, height)
        widest = max(widest, x + width)
        x += width + FRAME_GAP
    return places, Size(widest, y + row)
