"""What of a call's memory still matters where it waits: two calls that differ in nothing else go on alike.

For each step it is told which variables, fields of look-ups and fields of `input` may be read before they are set
anew, and how: whether they decide (DECIDES), or are only said or sent (TOLD). Computed backwards over the ways through
each flow until nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from app.flow.language.collect import Collect
from app.flow.language.menu import Choices
from app.flow.model import Assignment, Edge, Flow, Step, Target
from app.verify.prove.flows import (
    DECIDES,
    Use,
    asked_by,
    family,
    lines_of,
    played_by,
    runs_of,
    sent_by,
    tested_by,
)
from app.verify.prove.reading import LENGTH, Path, may_fail_by, read_by

Live: TypeAlias = dict[Path, int]
"""A name, or a name with one field, → how much depends on it."""

_OUTSIDE: Final = frozenset({"env", "hours", "now", "locale"})
"""What a call does not remember, or what is told apart in any case."""


@dataclass(slots=True)
class Liveness:
    """What matters in a flow and in those that a call may come to from it.

    Attributes:
        waiting: where a call waits in a step, by (flow, step).
        entering: where a call waits until the caller gets to a step, by (flow, step).
        ran: where a flow waits until the flow that a step of it runs comes back, by (flow, step).
        timed: the steps that look at the clock or at opening hours when they repeat what they said.
        looks: the steps that look at the clock or at opening hours at all.
        tests_now: whether the time itself decides anything.
        deciding: the variables that decide anything where a call waits, as (flow, name).
    """

    root: Flow
    waiting: dict[tuple[str, str], Live] = field(default_factory=dict)
    entering: dict[tuple[str, str], Live] = field(default_factory=dict)
    ran: dict[tuple[str, str], Live] = field(default_factory=dict)
    timed: set[tuple[str, str]] = field(default_factory=set)
    looks: set[tuple[str, str]] = field(default_factory=set)
    tests_now: bool = False
    deciding: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for flow in family(self.root).values():
            _OfFlow(flow, self).solve()
        for (name, _), live in (*self.waiting.items(), *self.ran.items()):
            self.deciding |= {(name, path[0]) for path, weight in live.items() if weight == DECIDES}

    def at(self, when: str) -> Mapping[tuple[str, str], Live]:
        """What matters when a call is `entering` a step, is `waiting` in it, or has left it for one that it `ran`."""
        return {"entering": self.entering, "waiting": self.waiting, "ran": self.ran}[when]


class _OfFlow:
    """One flow while it is computed."""

    def __init__(self, flow: Flow, found: Liveness) -> None:
        self._flow = flow
        self._found = found
        self._entering: dict[str, Live] = {name: {} for name in flow.steps}
        self._played = {name: _reads(played_by(step)) for name, step in flow.steps.items()}
        self._tested = {name: _reads(tested_by(step)) for name, step in flow.steps.items()}
        self._sent = {name: _reads(sent_by(step)) for name, step in flow.steps.items()}
        self._asked = {name: _reads(asked_by(step)) for name, step in flow.steps.items()}

    def solve(self) -> None:
        changed = True
        while changed:
            changed = False
            for step in reversed(tuple(self._flow.steps.values())):
                live = self._on_entering(step)
                if live != self._entering[step.name]:
                    self._entering[step.name] = live
                    changed = True
        for step in self._flow.steps.values():
            self._note(step)

    def _note(self, step: Step) -> None:
        key = (self._flow.name, step.name)
        self._found.entering[key] = self._entering[step.name]
        waiting = _joined(self._tested[step.name], self._behind(step), self._error(step))
        if step.exit.asks_again:
            waiting = _joined(_without(waiting, {each.name for each in step.asks}), self._asked[step.name])
        self._found.waiting[key] = _joined(waiting, self._played[step.name])
        if runs_of(step):
            self._found.ran[key] = _joined(self._behind(step), self._error(step))
        if _looks(self._played[step.name]):
            self._found.timed.add(key)
        everything = self._everything(step)
        if _looks(everything):
            self._found.looks.add(key)
        self._found.tests_now |= everything.get(("now",), 0) == DECIDES

    def _everything(self, step: Step) -> Live:
        name = step.name
        uses = [self._played[name], self._tested[name], self._sent[name], self._asked[name]]
        values: list[Assignment] = list(step.sets)
        for edge in step.exit.edges():
            values += [*edge.sets, *edge.target.sets]
            values += edge.target.runs.given if edge.target.runs else ()
        return _joined(*uses, _reads(Use(each.value, DECIDES) for each in values))

    def _on_entering(self, step: Step) -> Live:
        live = _joined(self._played[step.name], self._tested[step.name], self._behind(step), self._sent[step.name])
        ran = runs_of(step)
        if ran:
            first = next(iter(step.exit.edges()))
            given = first.target.runs.given if first.target.runs else ()
            live = _joined(live, _reads(Use(each.value, DECIDES) for each in given))
        live = _before(step.sets, live)
        live = _joined(_without(live, {asking.name for asking in step.asks}), self._asked[step.name])
        return _joined(live, self._error(step))

    def _behind(self, step: Step) -> Live:
        return _joined(*(self._edge(step, edge) for edge in lines_of(step)))

    def _edge(self, step: Step, edge: Edge) -> Live:
        live = _before(edge.sets, self._target(edge.target))
        if edge.passes_input and isinstance(step.exit, Choices | Collect):
            live = _without(live, {"input", *([edge.fills] if edge.fills else [])})
        return live

    def _target(self, target: Target) -> Live:
        given = target.runs.given if target.runs is not None else ()
        live = _reads(Use(each.value, DECIDES) for each in given)
        if target.returns:
            return _reads(Use(each.value, DECIDES) for each in target.sets)
        if target.step is not None:
            live = self._entering.get(target.step, {})
        return _before(target.sets, live)

    def _error(self, step: Step) -> Live:
        error = step.error or self._flow.error
        return self._target(error) if error is not None else {}


def _reads(uses: Iterable[Use]) -> Live:
    live: Live = {}
    for use in uses:
        for path, decides in read_by(use.source):
            element = _element(path)
            live[element] = max(live.get(element, 0), DECIDES if decides else use.weight)
    return live


def _element(path: Path) -> Path:
    """A name with its first field, when it has one."""
    return path[:1] if len(path) < 2 or path[1] == LENGTH else path[:2]


def _looks(live: Mapping[Path, int]) -> bool:
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
    """What matters before assignments, by what matters behind them; what only counts itself on does not."""
    for assignment in reversed(sets):
        name = assignment.name
        weight = max((weight for path, weight in live.items() if path[0] == name), default=0)
        reads = _reads([Use(assignment.value, weight or DECIDES)])
        if not weight and name not in may_fail_by(assignment.value):
            reads = _without(reads, {name})
        live = _joined(_without(live, {name}), reads)
    return live


def of_memory(live: Mapping[Path, int]) -> tuple[tuple[Path, int], ...]:
    """What of it a call remembers, in one order."""
    return tuple(sorted((path, weight) for path, weight in live.items() if path[0] not in _OUTSIDE))
