"""Flows as a drawing, each way painted by whether a call has taken it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from app.flow.graph import Arrow, Drawing, draw
from app.flow.graph.drawing import Stroke
from app.flow.graph.labels import heard_by, ways
from app.flow.language.branch import Branch
from app.flow.language.collect import Collect
from app.flow.language.exits import Goto
from app.flow.language.menu import Choices
from app.flow.language.retry import FAILURES
from app.flow.model import Exit, Flow
from app.verify.coverage.count import Coverage
from app.verify.outcomes import KEYS, LAST, SPEECH, arm_name


def paint(coverage: Coverage) -> Drawing:
    """Every flow of a project: what was taken with the number of calls, and what never was."""
    flows = [flow.flow for flow in coverage.flows.values()]
    drawing = draw(flows)
    counts = {
        (outcome.flow, outcome.step, outcome.name): count
        for flow in coverage.flows.values()
        for outcome, count in flow.outcomes.items()
    }
    shown = [coverage.flows[frame.title].flow for frame in drawing.frames]
    taken = [found for flow in shown for found in _counts_of(flow, counts)]
    return replace(drawing, arrows=tuple(map(_painted, drawing.arrows, taken)))


def _painted(arrow: Arrow, count: int | None) -> Arrow:
    """An arrow with its count; None is one that no outcome belongs to."""
    if count is None:
        return arrow
    stroke: Stroke = "taken" if count else "missed"
    said = "never" if not count else "1 call" if count == 1 else f"{count} calls"
    return replace(arrow, lines=(*arrow.lines, said), stroke=stroke)


def _counts_of(flow: Flow, counts: Mapping[tuple[str, str, str], int]) -> Iterator[int | None]:
    """How many calls have gone along each arrow of a flow, in the order in which they are drawn."""
    yield None  # from the entrance to the first step
    for step in flow.steps.values():
        for number, (lines, _) in enumerate(ways(step.exit)):
            names = list(_outcomes_of(step.exit, number, lines))
            found = [counts[flow.name, step.name, name] for name in names if (flow.name, step.name, name) in counts]
            yield sum(found) if found else None
        yield from (None for _ in heard_by(step))


def _outcomes_of(exit_: Exit, number: int, lines: tuple[str, ...]) -> Iterable[str]:
    """The names of the outcomes that lead along one way out."""
    first = lines[0] if lines else ""
    if isinstance(exit_, Goto):
        return ()
    if isinstance(exit_, Branch):
        return (arm_name(exit_, number),)
    if isinstance(exit_, Choices | Collect):
        failures = [name for name in first.split(", ") if name in FAILURES]
        made = "collected" if isinstance(exit_, Collect) else first
        return [f"{name}, {LAST}" for name in failures] or (f"{made} {KEYS}", f"{made} {SPEECH}")
    return first.split(", ")
