"""A layered layout of a directed graph: nodes in ranks from top to bottom, with few crossings and straight long lines.

1. Cycles: an edge back to the current path of a depth-first search is reversed.
2. Ranks: the rank of a node is the length of the longest path to it. Then each node moves to where its edges are
   shortest. Between two ranks of nodes there is a rank of labels.
3. Long edges have a dummy node in each rank that they cross. Edges to the same node share dummy nodes.
4. Order: by the medians of the neighbours, in sweeps down and up. Source: Gansner, Koutsofios, North and Vo, "A
   Technique for Drawing Directed Graphs", 1993.
5. Columns: the mean of the two middle ones of four alignments. Source: Brandes and Köpf, "Fast and Simple Horizontal
   Coordinate Assignment", 2001.

The same input always gives the same result. All lengths are in the unit of the given sizes; y grows downwards.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple, TypeAlias

NODE_GAP: Final = 20.0
LINE_GAP: Final = 10.0
RANK_GAP: Final = 20.0
MAX_RANK_GAP: Final = 70.0
"""The gap grows up to this limit where edges run far to the side."""
LOOP_WIDTH: Final = 26.0
BACK_OFFSET: Final = 24.0
MAX_SWEEPS: Final = 24
MAX_STALE_SWEEPS: Final = 4
MAX_DUMMIES: Final = 20_000
"""Further edges run straight, even across other nodes."""

Point: TypeAlias = tuple[float, float]
Layers: TypeAlias = list[list[int]]


class Size(NamedTuple):
    """Width and height."""

    width: float
    height: float


class Rect(NamedTuple):
    """`x` and `y` are the upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Link(NamedTuple):
    """An edge between two nodes, by index. Only edges of one `group` can join."""

    start: int
    end: int
    label: Size | None = None
    group: Hashable = None


class Route(NamedTuple):
    """The course of an edge.

    Attributes:
        points: from border to border. Between two, the edge is a vertical line, or a curve with vertical ends.
    """

    points: tuple[Point, ...]
    label: Rect | None = None
    is_loop: bool = False


class Layout(NamedTuple):
    """Nodes and edges in the input's order, all between (0, 0) and `size`."""

    size: Size
    nodes: tuple[Rect, ...]
    routes: tuple[Route, ...]


def arrange(nodes: Sequence[Size], links: Sequence[Link]) -> Layout:
    """Lay out a graph. The order of nodes and links decides ties."""
    back = _back_links(len(nodes), links)
    graph = _Graph(list(nodes), links, back)
    turned = [(link.end, link.start) if index in back else (link.start, link.end) for index, link in enumerate(links)]
    graph.ranks = [2 * rank for rank in _ranks(len(nodes), [pair for pair in turned if pair[0] != pair[1]])]
    for index, link in enumerate(links):
        graph.add(index, link)
    layers = _ordered(graph)
    return _placed(graph, layers, _columns(graph, layers))


def _back_links(count: int, links: Sequence[Link]) -> set[int]:
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for index, link in enumerate(links):
        if link.start != link.end:
            outgoing[link.start].append(index)
    back: set[int] = set()
    seen: set[int] = set()
    for root in range(count):
        path = {} if root in seen else {root: iter(outgoing[root])}
        seen.add(root)
        while path:
            node, rest = next(reversed(path.items()))
            for index in rest:
                end = links[index].end
                if end in path:
                    back.add(index)
                elif end not in seen:
                    seen.add(end)
                    path[end] = iter(outgoing[end])
                    break
            else:
                del path[node]
    return back


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Rank 0 is at the top."""
    above: Layers = [[] for _ in range(count)]
    below: Layers = [[] for _ in range(count)]
    for upper, lower in edges:
        above[lower].append(upper)
        below[upper].append(lower)
    downwards = [*TopologicalSorter(dict(enumerate(above))).static_order()]
    ranks = [0] * count
    for node in downwards:
        ranks[node] = max((ranks[upper] + 1 for upper in above[node]), default=0)
    has_moved = True
    while has_moved:  # each move shortens the edges, so the loop ends
        has_moved = False
        for node in reversed(downwards):
            best = ranks[node]
            if len(below[node]) > len(above[node]):
                best = min(ranks[lower] for lower in below[node]) - 1
            elif len(below[node]) < len(above[node]):
                best = max(ranks[upper] for upper in above[node]) + 1
            has_moved = has_moved or best != ranks[node]
            ranks[node] = best
    top = min(ranks, default=0)
    return [rank - top for rank in ranks]


@dataclass
class _Graph:
    """A graph whose vertices are numbered: first the nodes, then the dummy nodes.

    Attributes:
        ranks: nodes have even ranks, labels have odd ranks.
        inner_above, inner_below: the neighbour that should share a dummy node's column.
    """

    sizes: list[Size]
    links: Sequence[Link]
    back: set[int]
    ranks: list[int] = field(default_factory=list)
    above: dict[int, list[int]] = field(default_factory=dict)
    below: dict[int, list[int]] = field(default_factory=dict)
    inner_above: dict[int, int] = field(default_factory=dict)
    inner_below: dict[int, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    following: dict[int, int] = field(default_factory=dict)
    loops: dict[int, dict[int, Size]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.count = len(self.sizes)
        self._shared: dict[tuple[Hashable, ...], int] = {}

    def add(self, index: int, link: Link) -> None:
        """Add dummy nodes up to the link's end, or to where it joins another link."""
        if link.start == link.end:
            self.loops.setdefault(link.start, {})[index] = link.label or Size(0, 0)
            return
        is_back = index in self.back
        step = -1 if is_back else 1
        ranks = range(self.ranks[link.start] + step, self.ranks[link.end], step)
        if len(self.sizes) + len(ranks) > self.count + MAX_DUMMIES:
            self.first[index] = link.end
            return
        path = [link.start]
        for rank in ranks:
            if link.label and len(path) == 1:
                path.append(self._dummy(rank, link.label))
                continue
            key = (link.end, link.group, is_back, rank)
            joint = self._shared.get(key)
            path.append(self._dummy(rank, Size(0, 0)) if joint is None else joint)
            if joint is not None:
                break
            self._shared[key] = path[-1]
        else:
            path.append(link.end)
        self.first[index] = path[1]
        for vertex, following in pairwise(path):
            self._connect(vertex, following, is_back=is_back)

    def _dummy(self, rank: int, size: Size) -> int:
        self.sizes.append(size)
        self.ranks.append(rank)
        return len(self.sizes) - 1

    def _connect(self, vertex: int, following: int, *, is_back: bool) -> None:
        """Of lines that join at a dummy node, the longest (or first) goes straight on."""
        high, low = (following, vertex) if is_back else (vertex, following)
        if low not in self.below.get(high, ()):
            self.above.setdefault(low, []).append(high)
            self.below.setdefault(high, []).append(low)
        if vertex < self.count:
            return
        self.following[vertex] = following
        straight, opposite = (self.inner_below, self.inner_above)[:: 1 if is_back else -1]
        if following >= self.count and (following not in straight or not self.sizes[vertex].width):
            opposite.pop(straight.get(following, -1), None)
            straight[following] = vertex
            opposite[vertex] = following

    def neighbours(self, vertex: int, *, upwards: bool) -> list[int]:
        return (self.above if upwards else self.below).get(vertex, [])

    def extent(self, vertex: int) -> float:
        labels = self.loops.get(vertex, {}).values()
        room = LOOP_WIDTH + max(label.width for label in labels) if labels else 0.0
        return self.sizes[vertex].width / 2 + room

    def height(self, vertex: int) -> float:
        return max(self.sizes[vertex].height, sum(label.height for label in self.loops.get(vertex, {}).values()))

    def distance(self, left: int, right: int) -> float:
        gap = NODE_GAP if max(left, right) < self.count else LINE_GAP
        return self.extent(left) + gap + self.sizes[right].width / 2


def _ordered(graph: _Graph) -> Layers:
    found = (_improved(graph, _first_order(graph, step)) for step in (1, -1))
    return min(found, key=lambda layers: _all_crossings(graph, layers))


def _improved(graph: _Graph, layers: Layers) -> Layers:
    best = layers
    fewest = _all_crossings(graph, layers)
    stale = 0
    for sweep in range(MAX_SWEEPS):
        if not fewest or stale == MAX_STALE_SWEEPS:
            break
        layers = _by_medians(graph, layers, upwards=sweep % 2 == 0)
        crossings = _all_crossings(graph, layers)
        stale = 0 if crossings < fewest else stale + 1
        if crossings < fewest:
            best = layers
            fewest = crossings
    return best


def _first_order(graph: _Graph, step: int) -> Layers:
    """Follow a depth-first search from the top, so that a tree has no crossings.

    A `step` of -1 follows the last edge first.
    """
    layers: Layers = [[] for _ in range(max(graph.ranks, default=-1) + 1)]
    seen: set[int] = set()
    stack = [node for node in range(graph.count) if not graph.above.get(node)][::-step]
    while stack:
        vertex = stack.pop()
        if vertex not in seen:
            seen.add(vertex)
            layers[graph.ranks[vertex]].append(vertex)
            stack += graph.below.get(vertex, [])[::-step]
    return [layer[::step] for layer in layers]


def _positions(layers: Layers) -> dict[int, int]:
    return {vertex: position for layer in layers for position, vertex in enumerate(layer)}


def _by_medians(graph: _Graph, layers: Layers, *, upwards: bool) -> Layers:
    position = _positions(layers)
    sorted_layers: Layers = []
    for layer in layers if upwards else reversed(layers):
        medians = {}
        for vertex in layer:
            near = [position[neighbour] for neighbour in graph.neighbours(vertex, upwards=upwards)]
            if near:
                medians[vertex] = median(near)
        moved = iter(sorted(medians, key=medians.__getitem__))
        sorted_layers.append([next(moved) if vertex in medians else vertex for vertex in layer])
        position |= {vertex: number for number, vertex in enumerate(sorted_layers[-1])}
    return sorted_layers if upwards else sorted_layers[::-1]


def _all_crossings(graph: _Graph, layers: Layers) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        position = {vertex: number for number, vertex in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = sorted(position[each] for each in graph.below.get(vertex, ()))
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _columns(graph: _Graph, layers: Layers) -> list[int]:
    candidates = []
    for upwards in (True, False):
        for is_mirrored in (False, True):
            ordered = layers if upwards else layers[::-1]
            ordered = [layer[::-1] for layer in ordered] if is_mirrored else ordered
            columns = _compacted(graph, ordered, _aligned(graph, ordered, upwards=upwards), is_mirrored=is_mirrored)
            candidates.append([-x for x in columns] if is_mirrored else columns)
    borders = [(min(columns, default=0), max(columns, default=0)) for columns in candidates]
    left, right = min(borders, key=lambda border: border[1] - border[0])
    shifts = [left - border[0] if number % 2 == 0 else right - border[1] for number, border in enumerate(borders)]
    centres = []
    for xs in zip(*candidates, strict=True):
        centres.append(round(median(x + shift for x, shift in zip(xs, shifts, strict=True))))
    return centres


def _aligned(graph: _Graph, layers: Layers, *, upwards: bool) -> list[int]:
    """Each vertex's first of its column: itself, or that of its median neighbour in the previous layer.

    Long edges' dummy nodes are aligned first; no other alignment may cross such an edge.
    """
    inner = graph.inner_above if upwards else graph.inner_below
    position = _positions(layers)
    root = list(range(len(graph.sizes)))
    for layer in layers:
        limits = [len(graph.sizes)] * (len(layer) + 1)
        for number in reversed(range(len(layer))):
            fixed = inner.get(layer[number])
            limits[number] = limits[number + 1] if fixed is None else min(limits[number + 1], position[fixed])
        last = -1
        for number, vertex in enumerate(layer):
            near = sorted(graph.neighbours(vertex, upwards=upwards), key=position.__getitem__)
            medians = near[(len(near) - 1) // 2 : len(near) // 2 + 1]
            for other in [inner[vertex]] if vertex in inner else medians:
                limit = position[other] + 1 if vertex in inner else limits[number]
                if last < position[other] < limit:
                    root[vertex] = root[other]
                    last = position[other]
                    break
    return root


def _compacted(graph: _Graph, layers: Layers, root: Sequence[int], *, is_mirrored: bool) -> list[float]:
    """Move columns as far left as possible, then close to the ones on their right."""
    gaps: dict[int, dict[int, float]] = {vertex: {} for vertex in root}
    for layer in layers:
        for left, right in pairwise(layer):
            gap = graph.distance(right, left) if is_mirrored else graph.distance(left, right)
            following = gaps[root[left]]
            following[root[right]] = max(gap, following.get(root[right], 0))
    leftwards = [*TopologicalSorter(gaps).static_order()]
    xs = dict.fromkeys(gaps, 0.0)
    for column in reversed(leftwards):
        for right, gap in gaps[column].items():
            xs[right] = max(xs[right], xs[column] + gap)
    for column in leftwards:
        if gaps[column]:
            xs[column] = min(xs[right] - gap for right, gap in gaps[column].items())
    return [xs[column] for column in root]


def _placed(graph: _Graph, layers: Layers, centres: Sequence[int]) -> Layout:
    left = min((x - size.width / 2 for x, size in zip(centres, graph.sizes, strict=True)), default=0)
    right = max((x + graph.extent(vertex) for vertex, x in enumerate(centres)), default=0)
    borders = _rank_borders(graph, layers, centres)
    rects = [
        Rect(x - left - size.width / 2, sum(borders[rank]) / 2 - size.height / 2, *size)
        for x, size, rank in zip(centres, graph.sizes, graph.ranks, strict=True)
    ]
    pieces = _pieces(graph, centres)
    routes = {index: _route(graph, index, rects, borders, pieces) for index in graph.first}
    for node, labels in graph.loops.items():
        routes.update(_loops(rects[node], labels))
    size = Size(right - left, borders[-1][1] if borders else 0)
    return Layout(size, tuple(rects[: graph.count]), tuple(routes[index] for index in range(len(routes))))


def _rank_borders(graph: _Graph, layers: Layers, centres: Sequence[int]) -> list[tuple[float, float]]:
    borders: list[tuple[float, float]] = []
    y = 0.0
    for layer in layers:
        height = max((graph.height(vertex) for vertex in layer), default=0)
        borders.append((y, y + height))
        runs = [abs(centres[vertex] - centres[low]) for vertex in layer for low in graph.below.get(vertex, ())]
        y += height + round(min(max([RANK_GAP, *(run / 6 for run in runs)]), MAX_RANK_GAP))
    return borders


def _pieces(graph: _Graph, centres: Sequence[int]) -> dict[int, int]:
    """For each dummy node, the last one in the vertical line that starts there."""
    pieces: dict[int, int] = {}
    for first in graph.first.values():
        line = []
        vertex = first
        while vertex >= graph.count and vertex not in pieces:
            line.append(vertex)
            vertex = graph.following[vertex]
        for vertex in reversed(line):
            following = graph.following[vertex]
            is_straight = following >= graph.count and centres[following] == centres[vertex]
            pieces[vertex] = pieces[following] if is_straight else vertex
    return pieces


def _route(
    graph: _Graph, index: int, rects: Sequence[Rect], borders: Sequence[tuple[float, float]], pieces: Mapping[int, int]
) -> Route:
    """An upward route touches its nodes beside the downward routes."""
    link = graph.links[index]
    is_back = index in graph.back
    first = graph.first[index]
    near, far = (1, 0) if is_back else (0, 1)
    middles: list[Point] = []
    vertex = first
    while vertex >= graph.count:
        x = rects[vertex].x + rects[vertex].width / 2
        last = pieces[vertex]
        middles += [(x, borders[graph.ranks[vertex]][near]), (x, borders[graph.ranks[last]][far])]
        vertex = graph.following[last]
    ends: list[Point] = []
    for node, side, beside in ((link.start, far, middles[:1]), (link.end, near, middles[-1:])):
        x = _port(rects[node], beside[0][0] if beside else None, is_back=is_back)
        ends += [(x, rects[node].y + rects[node].height * side), (x, borders[graph.ranks[node]][side])]
    points = list(dict.fromkeys([*ends[:2], *middles, ends[3], ends[2]]))
    kept = [
        point
        for before, point, after in zip(points, points[1:], points[2:], strict=False)
        if not before[0] == point[0] == after[0]
    ]
    label = rects[first] if graph.sizes[first].width and first >= graph.count else None
    return Route((points[0], *kept, points[-1]), label)


def _port(node: Rect, beside: float | None, *, is_back: bool) -> float:
    """`beside` is the x-coordinate of the next segment."""
    x = node.x + node.width / 2
    aside = min(node.width / 4, BACK_OFFSET) if is_back else 0
    return x - aside if beside is not None and beside < x else x + aside


def _loops(node: Rect, labels: Mapping[int, Size]) -> Iterator[tuple[int, Route]]:
    x = node.x + node.width
    y = node.y + node.height / 2
    bend = node.height / 4
    curve = ((x, y - bend), (x + LOOP_WIDTH, y - bend), (x + LOOP_WIDTH, y + bend), (x, y + bend))
    y -= sum(label.height for label in labels.values()) / 2
    for index, label in labels.items():
        yield index, Route(curve, Rect(x + LOOP_WIDTH, y, *label) if label.width else None, is_loop=True)
        y += label.height
