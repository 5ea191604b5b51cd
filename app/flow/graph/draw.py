"""Flows → a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.flow.graph.drawing import Arrow, Drawing, Frame, Node, Stroke
from app.flow.graph.labels import heard_by, lines_of, look_of, ways
from app.flow.model import Flow, Step, Target


def draw(flows: Iterable[Flow], *, errors: bool = False) -> Drawing:
    """The flows and those that a call may come to from them; with `errors` also where a fault of the call leads."""
    shown: dict[str, Flow] = {}
    for flow in flows:
        shown.setdefault(flow.name, flow)
        for name, sub in flow.subs.items():
            shown.setdefault(name, sub)
    pens = {name: _Pen(f"f{number}", flow) for number, (name, flow) in enumerate(shown.items(), 1)}
    arrows = [arrow for pen in pens.values() for arrow in pen.arrows(pens, errors=errors)]
    return Drawing(tuple(pen.frame() for pen in pens.values()), tuple(arrows))


@dataclass(slots=True)
class _Pen:
    """Draws one flow; its ends are added when an arrow leads to them."""

    key: str
    flow: Flow
    ends: dict[str, Node] = field(default_factory=dict)
    steps: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = {name: f"{self.key}_s{number}" for number, name in enumerate(self.flow.steps)}

    @property
    def entrance(self) -> str:
        """Where a call comes in."""
        return f"{self.key}_start"

    def frame(self) -> Frame:
        """Its nodes, once its arrows are drawn."""
        steps = [Node(self.steps[name], look_of(step), lines_of(step)) for name, step in self.flow.steps.items()]
        start = Node(self.entrance, "start", _entrances(self.flow))
        return Frame(self.key, self.flow.name, (start, *steps, *self.ends.values()))

    def arrows(self, pens: Mapping[str, _Pen], *, errors: bool) -> Iterator[Arrow]:
        """Every way of a call through it."""
        yield Arrow(self.entrance, self.steps[self.flow.start])
        for step in self.flow.steps.values():
            for lines, edge in ways(step.exit):
                stroke: Stroke = "dotted" if edge.target.runs else "plain"
                yield Arrow(self.steps[step.name], self._end_of(edge.target, pens), lines, stroke)
            for called in heard_by(step):
                yield Arrow(self.steps[step.name], pens[called].entrance, ("onAnswer",), "dotted")
            yield from self._error(step, pens) if errors else ()
        if errors and self.flow.error is not None:
            source = self._node("error", "any error")
            yield Arrow(source, self._end_of(self.flow.error, pens), (), "error")

    def _error(self, step: Step, pens: Mapping[str, _Pen]) -> Iterator[Arrow]:
        if step.error is not None:
            yield Arrow(self.steps[step.name], self._end_of(step.error, pens), ("error",), "error")

    def _end_of(self, target: Target, pens: Mapping[str, _Pen]) -> str:
        """The node that a target means."""
        if target.runs is not None:
            return pens[target.runs.flow].entrance
        if target.returns:
            named = "return" if target.returns == "return" else f"return {target.returns}"
            return self._node(f"return_{target.returns}", named)
        return self._node("end", "end") if target.step is None else self.steps[target.step]

    def _node(self, name: str, line: str) -> str:
        return self.ends.setdefault(name, Node(f"{self.key}_e{len(self.ends)}", "end", (line,))).key


def _entrances(flow: Flow) -> tuple[str, ...]:
    """How a call comes into the flow."""
    found = [f"call to {number}" for number in flow.numbers]
    found += ["call to any other number"] if flow.default else []
    found += [f"/webhooks/answer/{flow.name}"] if flow.entry else []
    return tuple(found) or (f"run {flow.name}",)
