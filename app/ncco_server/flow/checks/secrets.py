"""Finds sensitive values that are read after their turn (E631): the next wait removes them.

Each value is followed along all paths from where it is received, including through flows that are run on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ncco_server.flow.checks.facts import (
    Facts,
    brought_back,
    names_asked_for,
    needs_in,
    reads_in,
    returned_by,
    tested_on_leaving,
)
from ncco_server.flow.effects import Effect
from ncco_server.flow.frame import Target
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.model import Step, later_effects
from ncco_server.flow.runtime import Way
from ncco_server.flow.scope import has_path, path_of, root_of, written
from ncco_server.flow.templates.references import Reference
from ncco_server.flow.templates.values import Expression

State: TypeAlias = Mapping[str, str]
"""The step that has waited since each sensitive value on the path was received, by name; "" if none."""

_INPUT: Final = "input"
_BEFORE_TESTS: Final = ("lookup", "enter", "do", "again", "retry")
_TURN: Final = ""
"""Received by every flow at its start, to show whether a call has waited since."""


class SensitiveReads:
    """Finds reads of sensitive values that no longer exist, across flows."""

    def __init__(self, each: Iterable[Facts]) -> None:
        self._flows = {facts.flow.name: facts for facts in reversed(tuple(each))}
        self._paths: dict[str, _SensitivePaths] = {}
        runs = [target.runs for facts in self._flows.values() for target in facts.flow.targets if target.runs]
        self._given = {(run.flow, given.name) for run in runs for given in run.given}

    def check(self, facts: Facts) -> Iterator[FlowIssue]:
        late = self._of(facts).late.items()
        yield from (_issue(name, *each) for name, each in sorted(late, key=lambda found: found[1][0].place))

    def paths_of(self, flow: str) -> _SensitivePaths | None:
        """None if the flow could not be read or is still being followed."""
        if flow not in self._flows or (flow in self._paths and not self._paths[flow].is_done):
            return None
        return self._of(self._flows[flow])

    def _of(self, facts: Facts) -> _SensitivePaths:
        name = facts.flow.name
        if name not in self._paths:
            is_placed = facts.flow.outbound is not None
            params = [param for param in facts.source.outside.params if is_placed or (name, param) in self._given]
            self._paths[name] = _SensitivePaths(facts, self, frozenset(params) - self._given_to(name))
            self._paths[name].follow(params)
        return self._paths[name]

    def _given_to(self, flow: str) -> frozenset[str]:
        return frozenset(param for name, param in self._given if name == flow)


def _issue(name: str, need: Reference, waited: str) -> FlowIssue:
    if name == _INPUT:
        message = f'"input.{need.field}" is empty after the step "{waited}", whose input is sensitive'
        return RULES["E631"].at(need.place, message)
    message = f'"{name}" is sensitive and no longer exists here: the step "{waited}" waits before this'
    return RULES["E631"].at(need.place, message)


@dataclass(slots=True)
class _SensitivePaths:
    """Follows one flow's sensitive values.

    Attributes:
        only_placed: params that only placing a call fills, which keeps those that are `spoken`.
        late: for each value read too late, its first such read and the step that waited before.
    """

    facts: Facts
    all: SensitiveReads
    only_placed: frozenset[str]
    late: dict[str, tuple[Reference, str]] = field(default_factory=dict)
    returned: dict[str, State] = field(default_factory=dict)
    is_done: bool = False
    _received_names: set[str] = field(default_factory=set)
    _entered: dict[str, State] = field(default_factory=dict)
    _waiting: deque[str] = field(default_factory=deque)

    def follow(self, given: Iterable[str]) -> None:
        flow = self.facts.flow
        begun = self._received({_TURN: ""}, given)
        for name in flow.entered:
            self._enter(name, begun)
        for target in flow.outbound.ways.values() if flow.outbound is not None else ():
            late = _waited(begun, flow.start)  # machine detection may take longer than the first turn
            self._lead(target, self._follow(target.effects("leave"), late))
        while self._waiting:
            name = self._waiting.popleft()
            self._step(flow.steps[name], self._entered[name])
        self._read(later_effects(flow.events), dict.fromkeys(self._received_names, flow.name))
        self.is_done = True

    def back(self, label: str) -> tuple[bool, frozenset[str], frozenset[str]]:
        """Whether a call may wait before the flow returns `label`, and the names certainly and possibly set."""
        sets = {name: each for name, each in returned_by(self.facts).items() if name in self.returned}
        waits = any(self.returned[name][_TURN] for name in ([label] if label in sets else sets))
        return waits, *brought_back(sets, label)

    def _enter(self, step: str, state: State) -> None:
        known = self._entered.get(step)
        merged = _merged(known or {}, state)
        if known is None or merged != known:
            self._entered[step] = merged
            self._waiting.append(step)

    def _step(self, step: Step, entered: State) -> None:
        state = self._follow((effect for effect in step.effects if effect.phase in _BEFORE_TESTS), entered, step.name)
        state = _heard(step, state)
        self._test(step, state)
        failed = _merged(entered, state)
        for way, effects in step.leaving:
            failed = _merged(failed, self._leave(step, way, effects, state))
        error = step.error or self.facts.flow.error
        if error is not None:
            self._lead(error, self._follow(error.effects("error"), failed))
        self._follow((effect for effect in step.effects if effect.phase == "event"), _waited(failed, step.name))

    def _follow(self, effects: Iterable[Effect], state: State, step: str = "") -> State:
        for effect in effects:
            self._read([effect], state)
            if effect.kind == "wait":
                state = _waited(state, step)
            elif effect.kind in ("set", "receive"):
                fields = self.facts.flow.sensitive_paths.get(effect.name, ())
                state = self._received(state, [effect.name, *(written(effect.name, path) for path in fields)])
        return state

    def _test(self, step: Step, state: State) -> None:
        tests = tuple(step.exit.reads())
        asked = _asked_for(tests)
        filled = [step.exit.fills.name] if step.exit.fills is not None else []
        self._read((Effect("read", "test", test, own=asked) for test in tests), self._received(state, filled))

    def _leave(self, step: Step, way: Way, effects: Iterable[Effect], state: State) -> State:
        if asked := _asked_for(tested_on_leaving(step)):
            state = {name: where for name, where in state.items() if name not in asked}
        if way.is_return and step.exit.runs is not None:
            state = self._back(step, step.exit.runs.flow, way.name, state)
        state = self._follow(effects, state)
        self._lead(way.target, state)
        return state

    def _back(self, step: Step, flow: str, outcome: str, state: State) -> State:
        paths = self.all.paths_of(flow)
        if paths is None:
            return state
        waits, sure, may = paths.back(outcome)
        if waits:
            state = {name: where for name, where in _waited(state, step.name).items() if name != _INPUT}
        return self._received(state, sure | (may - state.keys()))

    def _lead(self, target: Target, state: State) -> None:
        if target.returns:
            self.returned[target.returns] = _merged(self.returned.get(target.returns, {}), state)
        elif target.step is not None:
            self._enter(target.step, state)

    def _received(self, state: State, names: Iterable[str]) -> State:
        variables = self.facts.flow.variables
        found = [
            name
            for name in names
            if has_path(name)
            or (
                name in variables
                and variables[name].sensitive
                and name not in self.facts.flow.spoken & self.only_placed
            )
        ]
        self._received_names.update(found)
        return {**state, **dict.fromkeys(found, "")}

    def _read(self, read: Iterable[Effect], state: State) -> None:
        gone = {name: where for name, where in state.items() if where}
        for effect in read:
            needs = needs_in(effect.value) if not gone.keys().isdisjoint(effect.value.used_names - effect.own) else ()
            for need in needs:
                name = _gone(need, gone) if need.name not in effect.own else ""
                first = self.late.get(name)
                if name and (first is None or need.place < first[0].place):
                    self.late[name] = (need, gone[name])


def _asked_for(tests: Iterable[Expression]) -> frozenset[str]:
    return names_asked_for(read for test in tests for read in reads_in(test))


def _gone(need: Reference, gone: State) -> str:
    """What a read needs but no longer exists: `input`, a variable, a lookup's sensitive field, or ""."""
    if need.name == _INPUT:
        return _INPUT if _INPUT in gone and need.field not in ("confidence", "") else ""
    if need.name in gone:
        return need.name
    inner = sorted(name for name in gone if has_path(name) and root_of(name) == need.name)
    return next((name for name in inner if need.holds(path_of(name))), "")


def _merged(one: State, other: State) -> State:
    return {**other, **one, **{name: where for name, where in other.items() if where and not one.get(name)}}


def _waited(state: State, step: str) -> State:
    return {name: where or step for name, where in state.items()}


def _heard(step: Step, state: State) -> State:
    asked = step.exit.asked
    if asked is None:
        return state
    kept = {name: where for name, where in state.items() if name != _INPUT}
    return {**kept, _INPUT: step.name} if asked.sensitive else kept
