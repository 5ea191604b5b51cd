"""Live variable analysis: which values can still affect a waiting call.

It works backwards from the flows' ends until nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ncco_server.flow.action import AGENT
from ncco_server.flow.frame import Assignment, Runs, Target
from ncco_server.flow.language.agents import Agent
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import Way
from ncco_studio.verify.prove.expressions import LENGTH, names_that_may_fail, reads
from ncco_studio.verify.prove.uses import (
    DECIDES,
    Use,
    asked_by,
    assigned,
    flows_run_from,
    played_by,
    sent_by,
    sent_later,
    tested_by,
    ways_here,
)
from ncco_studio.verify.sample_values import Path

Live: TypeAlias = dict[Path, int]
"""A name, or a name with one field → its weight, SPOKEN or DECIDES."""

When: TypeAlias = Literal["entering", "waiting", "ran"]

_NOT_KEPT: Final = frozenset({"env", "hours", "now", "locale"})
"""Names outside the session, or in every state key anyway."""
_HERE: Final[tuple[When, ...]] = ("entering", "waiting")
_SHARED: Final = ("call", "input")
"""Names with the same value in every flow of a call."""


@dataclass(slots=True)
class Liveness:
    """The live values at each step of a flow and all flows it can run.

    Attributes:
        live: by (flow, step, when). `entering`: before the step is entered; `waiting`: while the call waits in
            it; `ran`: until the flow that it runs has returned.
        replays_by_time: steps with prompts that read the clock or opening hours; repeats may sound different.
        reads_time: steps that read the clock or opening hours at all.
        tests_now: whether `now` itself affects any call's path.
        deciding: variables that can affect a waiting call's path, as (flow, name).
        kept: as `live`, but sorted, and only with values of a session.
    """

    root: Flow
    live: dict[tuple[str, str, When], Live] = field(default_factory=dict)
    replays_by_time: set[tuple[str, str]] = field(default_factory=set)
    reads_time: set[tuple[str, str]] = field(default_factory=set)
    tests_now: bool = False
    deciding: set[tuple[str, str]] = field(default_factory=set)
    kept: dict[tuple[str, str, When], list[tuple[Path, int]]] = field(default_factory=dict)
    _sources: dict[tuple[str, str], Set[Path]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        flows = flows_run_from(self.root)
        steps = [_StepLiveness(flow, step, flows, self.live) for flow in flows.values() for step in flow.all_steps]
        changed = len(steps)
        while changed:
            changed = sum(each.update() for each in reversed(steps))
        for each in steps:
            self._note(each)
        for (flow_name, step, when), live in self.live.items():
            self.kept[flow_name, step, when] = sorted(each for each in live.items() if each[0][0] not in _NOT_KEPT)
            if when != "entering":
                self.deciding |= {(flow_name, path[0]) for path, weight in live.items() if weight == DECIDES}

    def sources(self, flow: Flow, step: Step) -> Set[Path]:
        """What a call can still read when it enters the step or waits in it, and what those values were made of.

        Also what rows get that the call changes, for it may read them again.
        """
        if (flow.name, step.name) not in self._sources:
            made = _made_of(flow)
            found = set[Path]()
            left = [("locale",), *_saved_in(flow)]
            left += [path for when in _HERE for path in self.live.get((flow.name, step.name, when), ())]
            while left:
                path = left.pop()
                left += () if path in found else made.get(path[0], ())
                found.add(path)
            self._sources[flow.name, step.name] = found
        return self._sources[flow.name, step.name]

    def _note(self, each: _StepLiveness) -> None:
        step = each.step
        key = (each.flow.name, each.step.name)
        left = _joined(each.after(), each.error())
        waiting = _joined(each.tested, left)
        if step.exit.asks_again:
            waiting = _joined(_without(waiting, {lookup.name for lookup in step.asks}), each.asked)
        moved = _joined(each.later, each.moved() if each.flow is self.root else {})
        self._add(*key, "waiting", waiting, each.played, moved)
        self._add(*key, "entering", moved)
        if step.exit.runs is not None:
            self._add(*key, "ran", left, moved)
        sets = _reads(Use(value, DECIDES) for _, value in assigned(each.flow, step))
        own = _joined(each.played, each.asked, each.tested, each.sent, sets)
        self.replays_by_time |= {key} if _reads_time(each.played) else set()
        self.reads_time |= {key} if _reads_time(own) else set()
        self.tests_now |= own.get(("now",), 0) == DECIDES

    def _add(self, flow: str, step: str, when: When, *lives: Live) -> None:
        self.live[flow, step, when] = _joined(self.live.get((flow, step, when), {}), *lives)


class _StepLiveness:
    """Computes the live values before and after one step. `live`: the results so far, shared by all steps."""

    def __init__(
        self, flow: Flow, step: Step, flows: Mapping[str, Flow], live: dict[tuple[str, str, When], Live]
    ) -> None:
        self.flow = flow
        self.step = step
        self._flows = flows
        self._live = live
        self.played = _reads(played_by(step))
        self.tested = _reads(tested_by(step))
        self.asked = _reads(asked_by(step))
        self.sent = _reads(sent_by(step))
        self.later = _reads(sent_later(flow, step))

    def update(self) -> bool:
        """Return whether the live values changed."""
        ran = self.step.exit.runs
        others = [runs for runs in (*(target.heard for target in self.step.targets), ran) if runs is not None]
        read = _joined(self.played, self.tested, self.sent, self.later, self.after(), *map(self._in_flow, others))
        live = _before(self.step.sets, read)
        live = _joined(_without(live, {asking.name for asking in self.step.asks}), self.asked, self.error())
        key: tuple[str, str, When] = (self.flow.name, self.step.name, "entering")
        known = self._live.get(key)
        self._live[key] = _joined(known or {}, live)
        return self._live[key] != known

    def after(self) -> Live:
        return _joined(*map(self._along, ways_here(self.step)))

    def _along(self, way: Way) -> Live:
        live = _before(way.sets, self._at(way.target))
        if way.passes_input and self.step.exit.asked is not None:
            live = _without(live, {"input", *([way.fills.name] if way.fills is not None else [])})
        if isinstance(self.step.exit, Agent) and way.name in self.step.exit.allowed:
            live = _without(live, {AGENT})
        return live

    def _at(self, target: Target) -> Live:
        if target.returns:
            return _reads(Use(each.value, DECIDES) for each in target.sets)
        if target.step is not None:
            return _before(target.sets, self._live.get((self.flow.name, target.step, "entering"), {}))
        return _before(target.sets, self._in_flow(target.runs) if target.runs is not None else {})

    def _in_flow(self, runs: Runs) -> Live:
        live = self._live.get((runs.flow, self._flows[runs.flow].start, "entering"), {})
        shared = {path: weight for path, weight in live.items() if path[0] in _SHARED}
        return _joined(_reads(Use(each.value, DECIDES) for each in runs.given), shared)

    def moved(self) -> Live:
        """Values live if machine detection moves a placed call that waits in the step."""
        outbound = self.flow.outbound
        return _joined(*map(self._at, outbound.ways.values())) if outbound is not None else {}

    def error(self) -> Live:
        error = self.step.error or self.flow.error
        return self._at(error) if error is not None else {}


def _made_of(flow: Flow) -> Mapping[str, Live]:
    made: dict[str, Live] = {}
    for step in flow.steps.values():
        for (owner, *_, name), value in assigned(flow, step):
            if owner == flow.name:
                made[name] = _joined(made.get(name, {}), _reads([Use(value, DECIDES)]))
        if step.exit.runs is not None:  # what a flow returns was made of what it was given, and of its own lookups
            given = _reads(Use(each.value, DECIDES) for each in step.exit.runs.given)
            made |= {name: _joined(made.get(name, {}), given) for name in flow.variables}
    return made


def _saved_in(flow: Flow) -> Live:
    saved = (effect for step in flow.steps.values() for save in step.saves for effect in save.effects("enter"))
    return _reads(Use(effect.value, DECIDES) for effect in saved if effect.kind == "send")


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
    """A variable read only for its own new value is not live."""
    for assignment in reversed(sets):
        name = assignment.name
        weight = max((weight for path, weight in live.items() if path[0] == name), default=0)
        read = _reads([Use(assignment.value, weight or DECIDES)])
        if not weight and name not in names_that_may_fail(assignment.value):
            read = _without(read, {name})
        live = _joined(_without(live, {name}), read)
    return live
