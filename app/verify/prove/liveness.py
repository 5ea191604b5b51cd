"""Which variables still matter where a call waits: two calls that differ in no other value continue alike.

For each step: which variables, lookup fields and fields of `input` may be read before they are set again, and whether
they decide (DECIDES) or are only spoken or sent (SPOKEN). Computed backwards over each flow until nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from app.flow.language.collect import Collect
from app.flow.language.menu import Choices
from app.flow.model import Assignment, Edge, Flow, Step, Target
from app.verify.prove.uses import (
    DECIDES,
    LENGTH,
    Path,
    Use,
    asked_by,
    flows_run_from,
    given_to,
    lines_of,
    names_that_may_fail,
    played_by,
    reads,
    runs_of,
    sent_by,
    tested_by,
)

Live: TypeAlias = dict[Path, int]
"""A name, or a name with one field → how much depends on it."""

When: TypeAlias = Literal["entering", "waiting", "ran"]

_NOT_KEPT: Final = frozenset({"env", "hours", "now", "locale"})
"""Names that a call does not keep, or that states always distinguish."""


@dataclass(slots=True)
class Liveness:
    """What matters in a flow and in those that a call may run from it.

    Attributes:
        live: what matters, by (flow, step, when): where a call is `waiting` in a step, where it waits until the caller
            gets to it (`entering`), and where a flow waits until the flow that the step `ran` returns.
        timed: the steps that read the clock or opening hours when they repeat a prompt.
        looks: the steps that read the clock or opening hours at all.
        tests_now: whether `now` itself decides anything.
        deciding: the variables that decide anything where a call waits, as (flow, name).
    """

    root: Flow
    live: dict[tuple[str, str, When], Live] = field(default_factory=dict)
    timed: set[tuple[str, str]] = field(default_factory=set)
    looks: set[tuple[str, str]] = field(default_factory=set)
    tests_now: bool = False
    deciding: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for flow in flows_run_from(self.root).values():
            solver = _Solver(flow)
            for step in flow.steps.values():
                self._note(solver, step)
        for (flow_name, _, when), live in self.live.items():
            if when != "entering":
                self.deciding |= {(flow_name, path[0]) for path, weight in live.items() if weight == DECIDES}

    def _note(self, solver: _Solver, step: Step) -> None:
        key = (solver.flow.name, step.name)
        played, asked = _reads(played_by(step)), _reads(asked_by(step))
        left = _joined(solver.after(step), solver.error(step))
        waiting = _joined(_reads(tested_by(step)), left)
        if step.exit.asks_again:
            waiting = _joined(_without(waiting, {each.name for each in step.asks}), asked)
        self.live[*key, "entering"] = solver.entering[step.name]
        self.live[*key, "waiting"] = _joined(waiting, played)
        if runs_of(step) is not None:
            self.live[*key, "ran"] = left
        values: list[Assignment] = list(step.sets)
        for edge in step.exit.edges():
            values += [*edge.sets, *edge.target.sets, *given_to(edge.target)]
        assigned = _reads(Use(each.value, DECIDES) for each in values)
        own = _joined(played, asked, assigned, _reads(sent_by(step)), _reads(tested_by(step)))
        self.timed |= {key} if _reads_time(played) else set()
        self.looks |= {key} if _reads_time(own) else set()
        self.tests_now |= own.get(("now",), 0) == DECIDES


class _Solver:
    """The values that matter on entering each step of one flow, as a fixed point."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.entering: dict[str, Live] = {name: {} for name in flow.steps}
        self._own = {
            name: _joined(_reads(played_by(step)), _reads(tested_by(step)), _reads(sent_by(step)))
            for name, step in flow.steps.items()
        }
        self._asked = {name: _reads(asked_by(step)) for name, step in flow.steps.items()}
        changed = True
        while changed:
            changed = False
            for step in reversed(tuple(flow.steps.values())):
                live = self._on_entering(step)
                changed |= live != self.entering[step.name]
                self.entering[step.name] = live

    def _on_entering(self, step: Step) -> Live:
        ran = runs_of(step)
        given = _reads(Use(each.value, DECIDES) for each in given_to(ran)) if ran is not None else {}
        live = _before(step.sets, _joined(self._own[step.name], self.after(step), given))
        live = _joined(_without(live, {asking.name for asking in step.asks}), self._asked[step.name])
        return _joined(live, self.error(step))

    def after(self, step: Step) -> Live:
        """What matters after a step."""
        return _joined(*(self._along(step, edge) for edge in lines_of(step)))

    def _along(self, step: Step, edge: Edge) -> Live:
        live = _before(edge.sets, self._at(edge.target))
        if edge.passes_input and isinstance(step.exit, Choices | Collect):
            live = _without(live, {"input", *([edge.fills] if edge.fills else [])})
        return live

    def _at(self, target: Target) -> Live:
        if target.returns:
            return _reads(Use(each.value, DECIDES) for each in target.sets)
        if target.step is not None:
            return _before(target.sets, self.entering.get(target.step, {}))
        return _before(target.sets, _reads(Use(each.value, DECIDES) for each in given_to(target)))

    def error(self, step: Step) -> Live:
        """What matters at the error exit of a step."""
        error = step.error or self.flow.error
        return self._at(error) if error is not None else {}


def _reads(uses: Iterable[Use]) -> Live:
    live: Live = {}
    for use in uses:
        for path, decides in reads(use.source):
            element = path[:1] if len(path) < 2 or path[1] == LENGTH else path[:2]
            live[element] = max(live.get(element, 0), DECIDES if decides else use.weight)
    return live


def _reads_time(live: Mapping[Path, int]) -> bool:
    return any(path[0] in ("now", "hours") for path in live)


def _joined(*lives: Live) -> Live:
    joined: Live = {}
    for live in lives:
        for path, weight in live.items():
            joined[path] = max(joined.get(path, 0), weight)
    return joined


def _without(live: Live, names: set[str]) -> Live:
    return {path: weight for path, weight in live.items() if path[0] not in names}


def _before(sets: tuple[Assignment, ...], live: Live) -> Live:
    """What matters before assignments; a variable that only counts itself up matters no more."""
    for assignment in reversed(sets):
        name = assignment.name
        weight = max((weight for path, weight in live.items() if path[0] == name), default=0)
        read = _reads([Use(assignment.value, weight or DECIDES)])
        if not weight and name not in names_that_may_fail(assignment.value):
            read = _without(read, {name})
        live = _joined(_without(live, {name}), read)
    return live


def kept_paths(live: Mapping[Path, int]) -> tuple[tuple[Path, int], ...]:
    """The paths that a call keeps, in one order, each with its weight."""
    return tuple(sorted((path, weight) for path, weight in live.items() if path[0] not in _NOT_KEPT))
