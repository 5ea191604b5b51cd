"""The ways that a call can take through a flow, and what each of them has asked and set."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.walking import tests_of
from app.flow.model import Edge, Step, Target

_NONE: frozenset[str] = frozenset()


class Way(NamedTuple):
    """A way from one step to another.

    Attributes:
        sets: what is there for sure when it is taken: what it assigns, and what was tested on it.
        may_set: what may be there.
    """

    to: str
    sets: frozenset[str] = _NONE
    may_set: frozenset[str] = _NONE


@dataclass(slots=True)
class Ways:
    """All ways of one flow.

    Attributes:
        own: what a step asks and sets on entering, by step.
        ways: those that a call takes without an error that only the flow handles.
        errors: where the others lead.
        entered: the steps that a call may enter.
        returned: what each outcome of the flows that are run sets, by flow; see `returned_by`.
    """

    facts: Facts
    returned: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]]
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    ways: dict[str, tuple[Way, ...]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    entered: frozenset[str] = _NONE

    def __post_init__(self) -> None:
        error = self.facts.flow.error
        self.errors = (error.step,) if error is not None and error.step is not None else ()
        for name, step in self.facts.flow.steps.items():
            asked = frozenset(asking.name for asking in step.asks)
            self.own[name] = asked.union(assignment.name for assignment in step.sets)
            self.ways[name] = tuple(self._ways(step))
        self.entered = frozenset(self._closure([self.facts.flow.start, *self.errors]))

    def _ways(self, step: Step) -> Iterator[Way]:
        tested = _NONE
        if step.exit.word == "branch":
            tested = _NONE.union(*(test.used_names for test in tests_of(step)))
        run = next((edge.target.runs for edge in step.exit.edges() if edge.target.runs is not None), None)
        for edge in step.exit.edges():
            if edge.target.step is not None:
                sure, may = tested | _assigned(edge), _NONE
                if run is not None and run.comes_back:
                    found, may = self._returned(run.flow, edge.label)
                    sure |= found
                yield Way(edge.target.step, sure, sure | may)
        if step.error is not None and step.error.step is not None:
            sets = frozenset(assignment.name for assignment in step.error.sets)
            yield Way(step.error.step, sets, sets)

    def _returned(self, flow: str, label: str) -> tuple[frozenset[str], frozenset[str]]:
        """What is set for sure, and what may be, when another flow comes back with what `label` stands for."""
        found = self.returned.get(flow, {})
        each = [found[label]] if label in found else list(found.values())
        if not each:
            return _NONE, _NONE
        return frozenset.intersection(*(sure for sure, _ in each)), _NONE.union(*(may for _, may in each))

    def without(self, name: str) -> dict[str, str]:
        """The steps that a call may enter before `name` is there, each with the step before it ("" for the start)."""
        start = self.facts.flow.start
        if name in self.facts.flow.params:
            return {}
        before, waiting = {start: ""}, deque([start])
        while waiting:
            step = waiting.popleft()
            for way in self.ways.get(step, ()) if name not in self.own.get(step, _NONE) else ():
                if way.to not in before and name not in way.sets:
                    before[way.to] = step
                    waiting.append(way.to)
        return before

    def behind(self, name: str) -> set[str]:
        """The steps that a call may enter when `name` is there."""
        waiting: list[str] = []
        for step, ways in self.ways.items():
            is_own = name in self.own[step]
            waiting += [way.to for way in ways if is_own or name in way.may_set]
            waiting += self.errors if is_own or any(name in way.may_set for way in ways) else ()
        return self._closure([*waiting, *self.errors] if waiting else [])

    def _closure(self, waiting: list[str]) -> set[str]:
        """The steps that a call may enter from one of these, which it has entered."""
        found: set[str] = set()
        while waiting:
            step = waiting.pop()
            if step not in found:
                found.add(step)
                waiting += [way.to for way in self.ways.get(step, ())]
        return found


def way_to(step: str, before: dict[str, str]) -> str:
    """How a call comes to a step, for messages."""
    names = [step]
    while before[names[-1]]:
        names.append(before[names[-1]])
    return " → ".join(reversed(names))


def _assigned(edge: Edge) -> frozenset[str]:
    names = [assignment.name for assignment in (*edge.sets, *edge.target.sets)]
    return frozenset([*names, edge.fills] if edge.fills else names)


def returned_by(facts: Facts) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Outcome → what every return with it sets, and what some of them do."""
    found: dict[str, list[frozenset[str]]] = {}
    for target in targets_of(facts):
        if target.returns:
            sets = frozenset(assignment.name for assignment in target.sets)
            found.setdefault(target.returns, []).append(sets)
    return {name: (frozenset.intersection(*each), _NONE.union(*each)) for name, each in found.items()}


def targets_of(facts: Facts) -> Iterator[Target]:
    """Everywhere that the steps of a flow lead to."""
    for step in facts.flow.steps.values():
        yield from (edge.target for edge in step.exit.edges())
        if step.error is not None:
            yield step.error
    if facts.flow.error is not None:
        yield facts.flow.error
