"""Circles that lead through several flows: a flow that runs itself, and calls that go round without any input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.flow.checks.graph import WAYS, Way, circle_from, group_of
from app.flow.issues import Issue
from app.flow.model import Edge, Runs
from app.flow.rules import RULES

if TYPE_CHECKING:
    from app.flow.language.flow import ReadFlow
    from app.flow.language.step import ReadStep

_BETWEEN = "\0"
"""Between the flow and the step in the name of a node."""


def check_recursion(flows: Mapping[str, ReadFlow]) -> Iterator[Issue]:
    """E280 once for each circle of flows that wait for each other: none of them would ever come back."""
    graph = {name: {runs.flow: edge for runs, edge in _runs(flow) if runs.comes_back} for name, flow in flows.items()}
    graph = {name: {to: edge for to, edge in edges.items() if to in graph} for name, edges in graph.items()}
    seen: set[str] = set()
    for name in graph:
        circle = [] if name in seen or not graph[name] else circle_from(name, graph)
        if circle:
            seen |= group_of(name, graph)
            way = " → ".join([*(each for each, _ in circle), name])
            message = f"this flow waits for itself to come back: {way}"
            yield RULES["E280"].at(circle[-1][1].target.place, message)


def _runs(flow: ReadFlow) -> Iterator[tuple[Runs, Edge]]:
    for step in flow.steps.values():
        for edge in step.exit.edges() if step.exit else ():
            if edge.target.runs is not None:
                yield edge.target.runs, edge


def check_circles(flows: Mapping[str, ReadFlow]) -> Iterator[Issue]:
    """E216 for each circle without input of the caller that leads from one flow into another."""
    if not any(flow.runs for flow in flows.values()):
        return
    seen: set[str] = set()
    for way in WAYS:
        yield from _check_way(_Ways(flows, way), flows, seen)


def _check_way(ways: _Ways, flows: Mapping[str, ReadFlow], seen: set[str]) -> Iterator[Issue]:
    graph = {
        _node(flow.name, step.name): dict(ways.edges(flow, step))
        for flow in flows.values()
        for step in flow.steps.values()
    }
    graph = {node: {to: edge for to, edge in edges.items() if to in graph} for node, edges in graph.items()}
    for node in graph:
        crosses = any(_flow_of(to) != _flow_of(node) or _is_run(edge) for to, edge in graph[node].items())
        circle = circle_from(node, graph) if crosses and node not in seen else []
        if circle and any(_is_run(edge) for _, edge in circle):
            seen |= group_of(node, graph)
            yield _report(circle)


def _node(flow: str, step: str) -> str:
    return f"{flow}{_BETWEEN}{step}"


def _flow_of(node: str) -> str:
    return node.partition(_BETWEEN)[0]


def _is_run(edge: Edge) -> bool:
    return edge.target.runs is not None or edge.label.startswith(_BETWEEN)


class _Ways:
    """Where calls go on in one way (without input, or without any webhook), over all flows."""

    def __init__(self, flows: Mapping[str, ReadFlow], way: Way) -> None:
        self._flows = flows
        self._way = way
        self._returned: dict[str, frozenset[str]] = {}

    def edges(self, flow: ReadFlow, step: ReadStep) -> Iterator[tuple[str, Edge]]:
        """The nodes that follow a step that way, each with the edge that leads there."""
        for edge in self._open(step):
            target = edge.target
            if target.step is not None:
                yield _node(flow.name, target.step), edge
            elif target.runs is not None:
                start = self._start(target.runs.flow)
                if start:
                    yield _node(target.runs.flow, start), edge

    def _open(self, step: ReadStep) -> Iterator[Edge]:
        """The edges that way; those behind a `run` only as far as that flow comes back that way."""
        edges = list(self._way(step.exit)) if step.exit is not None else []
        ran = edges[0].target.runs if step.exit is not None and step.exit.word == "run" else None
        if ran is None:
            yield from edges
            return
        yield edges[0]
        named = {edge.label for edge in edges[1:]}
        back = {name if name in named else "otherwise" for name in self._returns(ran.flow)}
        for edge in edges[1:]:
            if edge.label in back:
                yield Edge(f"{_BETWEEN}{edge.label}", edge.target, edge.passes_input)

    def _start(self, flow: str) -> str | None:
        found = self._flows.get(flow)
        return found.start if found else None

    def _returns(self, name: str) -> frozenset[str]:
        """The outcomes with which a flow may come back that way. Of a flow that runs itself, none."""
        if name in self._returned:
            return self._returned[name]
        self._returned[name] = frozenset()
        found: set[str] = set()
        flow = self._flows.get(name)
        waiting = [flow.start] if flow and flow.start else []
        entered: set[str] = set()
        while waiting and flow:
            step = flow.steps.get(waiting.pop() or "")
            if step is None or step.name in entered:
                continue
            entered.add(step.name)
            for edge in self._open(step):
                found |= {edge.target.returns} if edge.target.returns else set()
                waiting += [edge.target.step] if edge.target.step else []
        self._returned[name] = frozenset(found)
        return self._returned[name]


def _report(circle: list[tuple[str, Edge]]) -> Issue:
    shown = [node.replace(_BETWEEN, ".") for node, _ in circle]
    way = " → ".join([*shown, shown[0]])
    message = f"a call can go round for ever without any input of the caller: {way}"
    cure = "let one of these steps ask the caller, end the call or go elsewhere"
    crossing = next(edge for _, edge in circle if _is_run(edge))
    return RULES["E216"].at(crossing.target.place, message, cure)
