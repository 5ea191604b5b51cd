"""How the steps of a flow lead to each other: steps that no call comes to, and circles that ask nobody."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from app.flow.checks.counting import is_counted
from app.flow.issues import Issue
from app.flow.model import Edge, Exit, Target
from app.flow.rules import RULES
from app.ncco.suggest import nearest

if TYPE_CHECKING:
    from app.flow.language.step import ReadStep


def check_reachable(start: str, steps: Mapping[str, ReadStep], error: Target | None) -> Iterator[Issue]:
    """W215 for each step that no call comes to, except those that only lead on from another such step.

    Nothing is said while a fault hides a way out: the step may well stand behind it.
    """
    reached = _reach(start, steps, error)
    if reached is None:
        return
    lost = [name for name in steps if name not in reached]
    entered = {name for origin in lost for name in _targets(steps[origin], steps) if name and name != origin}
    roots = [name for name in lost if name not in entered] or lost[:1]
    for name in roots:
        yield RULES["W215"].at(steps[name].key.place, f'no caller can come to step "{name}"')


def _reach(start: str, steps: Mapping[str, ReadStep], error: Target | None) -> set[str] | None:
    """Every step that a call may come to; None when one of them has an unknown way out."""
    first = [_known(start, steps), _known(error.step, steps) if error else ""]
    reached: set[str] = set()
    waiting = deque(first)
    while waiting:
        name = waiting.popleft()
        if name is None:
            return None
        if name == "" or name in reached:
            continue
        reached.add(name)
        if not steps[name].has_all_edges:
            return None
        waiting.extend(_targets(steps[name], steps))
    return reached


def _known(name: str | None, steps: Mapping[str, ReadStep]) -> str | None:
    """The step that a target means: "" for the end of the call, None when nobody can tell."""
    if name is None:
        return ""
    return name if name in steps else nearest(name, steps)


def _edges(step: ReadStep) -> tuple[Edge, ...]:
    return tuple(step.exit.edges()) if step.exit else ()


def _targets(step: ReadStep, steps: Mapping[str, ReadStep]) -> list[str | None]:
    targets = [_known(edge.target.step, steps) for edge in _edges(step)]
    return [*targets, _known(step.error.step, steps)] if step.error else targets


def check_cycles(steps: Mapping[str, ReadStep]) -> Iterator[Issue]:
    """E216 once for each group of steps that can go round without any input of the caller.

    What silence or wrong input leads to is no input either: a caller who says nothing would go round for ever. Nothing
    is said where a counter leads out.
    """
    seen: set[str] = set()
    for way in WAYS:
        graph = {name: _edges_by(way, step, steps) for name, step in steps.items()}
        for name in steps:
            circle = circle_from(name, graph) if name not in seen else []
            if not circle:
                continue
            group = group_of(name, graph)
            seen.update(group)
            if not is_counted(group, graph, steps):
                yield _report(circle)


def silent(exit_: Exit) -> Iterator[Edge]:
    """The edges that no input of the caller passes."""
    yield from (edge for edge in exit_.edges() if not edge.passes_input)


def at_once(exit_: Exit) -> Iterator[Edge]:
    """The edges that may be taken without any webhook: a `hold` may be over as soon as it begins."""
    if exit_.word == "hold":
        yield from (edge for edge in exit_.edges() if edge.label == "ready")
    elif exit_.word in {"goto", "branch", "run"}:
        yield from silent(exit_)


WAYS = (silent, at_once)
"""How a call may go round; what is found in one of them is not looked for in the next."""

Way: TypeAlias = Callable[[Exit], Iterator[Edge]]


def _edges_by(way: Way, step: ReadStep, steps: Mapping[str, ReadStep]) -> dict[str, Edge]:
    """The steps that follow that way, each with the first edge that leads there.

    What lies between a step and where it goes on when another flow comes back is told by `check_circles`.
    """
    found: dict[str, Edge] = {}
    for edge in way(step.exit) if step.exit is not None and step.exit.word != "run" else ():
        if edge.target.step in steps:
            found.setdefault(str(edge.target.step), edge)
    return found


def circle_from(start: str, graph: Mapping[str, Mapping[str, Edge]]) -> list[tuple[str, Edge]]:
    """The shortest way from `start` back to it: each step with the edge that is taken; empty when there is none."""
    before: dict[str, tuple[str, Edge]] = {}
    waiting = deque([start])
    while waiting and start not in before:
        name = waiting.popleft()
        for target, edge in graph[name].items():
            if target not in before:
                before[target] = (name, edge)
                waiting.append(target)
    circle: list[tuple[str, Edge]] = []
    name = start
    while start in before and (not circle or name != start):
        circle.append(before[name])
        name = before[name][0]
    return circle[::-1]


def group_of(start: str, graph: Mapping[str, Mapping[str, Edge]]) -> set[str]:
    """The steps that are on some circle with `start`."""
    backwards: dict[str, list[str]] = {name: [] for name in graph}
    for name, edges in graph.items():
        for target in edges:
            backwards[target].append(name)
    return _closure(start, graph) & _closure(start, backwards)


def _closure(start: str, graph: Mapping[str, Mapping[str, Edge] | list[str]]) -> set[str]:
    found = {start}
    waiting = [start]
    while waiting:
        for target in graph[waiting.pop()]:
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _report(circle: list[tuple[str, Edge]]) -> Issue:
    names = [name for name, _ in circle]
    way = " → ".join([*names, names[0]])
    labels = ", ".join(f"{name}: {edge.label}" for name, edge in circle)
    lacking = "a right" if any(edge.label == "nomatch" for _, edge in circle) else "any"
    message = f"a call can go round for ever without {lacking} input of the caller: {way} ({labels})"
    cure = "let one of these steps ask the caller, end the call, or count the rounds and lead out by a `branch`"
    return RULES["E216"].at(circle[-1][1].target.place, message, cure)
