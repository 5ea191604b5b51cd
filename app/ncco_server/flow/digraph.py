"""Algorithms on directed graphs, for nodes and edges of any type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

E = TypeVar("E")
N = TypeVar("N")


def shortest_path(
    start: N, edges: Callable[[N], Iterable[tuple[E, N | None]]], is_last: Callable[[E], bool]
) -> list[E]:
    """Return [] if no path leads to an edge that `is_last`. A path may lead back to the start."""
    before: dict[N, tuple[N, E]] = {}
    waiting = [start]
    for node in waiting:
        for edge, target in edges(node):
            if is_last(edge):
                path = [edge]
                first = node
                while first != start:
                    first, leading = before[first]
                    path.append(leading)
                return path[::-1]
            if target is not None and target != start and target not in before:
                before[target] = (node, edge)
                waiting.append(target)
    return []


def reachable(starts: Iterable[N], successors: Callable[[N], Iterable[N]]) -> dict[N, None]:
    """In the order of a depth-first search, from the start nodes."""
    found = dict.fromkeys(starts)
    waiting = list(found)
    while waiting:
        for node in successors(waiting.pop()):
            if node not in found:
                found[node] = None
                waiting.append(node)
    return found


def components(successors: Mapping[N, Collection[N]]) -> list[list[N]]:
    """The strongly connected components in reverse topological order (Kosaraju)."""
    predecessors: dict[N, list[N]] = {node: [] for node in successors}
    for node, targets in successors.items():
        for target in targets:
            predecessors[target].append(node)
    order = [node for group in _depth_first(successors, successors) for node in group]
    return _depth_first(predecessors, reversed(order))[::-1]


def _depth_first(successors: Mapping[N, Collection[N]], starts: Iterable[N]) -> list[list[N]]:
    """Each start's new nodes in postorder; empty groups are left out."""
    found: list[list[N]] = []
    seen: set[N] = set()
    for start in starts:
        group = list[N]()
        path = [] if start in seen else [(start, iter(successors[start]))]
        seen.add(start)
        while path:
            node, rest = path[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                group.append(node)
                path.pop()
            else:
                seen.add(following)
                path.append((following, iter(successors[following])))
        found += [group] if group else []
    return found
