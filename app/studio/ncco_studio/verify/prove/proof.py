"""The proof of a flow: the explored state space, and the verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import Any, Final, Literal

from ncco_server.engine import new_session, not_reached
from ncco_server.flow.frame import Target
from ncco_server.flow.language.exits import Goto
from ncco_server.flow.language.outbound import EXPIRED, REFUSED, UNKNOWN
from ncco_server.flow.model import Flow, Project
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.pictures.graph import OutcomeKey
from ncco_studio.verify.faults import FAULTS, LIMITS
from ncco_studio.verify.outcomes import FlowOutcome, outcomes_of
from ncco_studio.verify.prove.agents import taken_for_granted
from ncco_studio.verify.prove.environment import Arrival
from ncco_studio.verify.prove.explore import Env, Explorer
from ncco_studio.verify.prove.graph import Paths
from ncco_studio.verify.prove.properties import (
    FoundViolation,
    Violation,
    is_certain,
    undecided,
    unreached,
    violations,
)
from ncco_studio.verify.prove.space import SearchLimits, StateSpace
from ncco_studio.verify.prove.turns import context_at
from ncco_studio.verify.prove.uses import flows_run_from

OUTCOMES: Final = (*DIAL_FAILURES, EXPIRED, REFUSED, UNKNOWN)


def untold(flow: Flow, arrivals: Sequence[Arrival], envs: Sequence[Env], moment: datetime) -> Iterator[Violation]:
    """Warn once for each reason why a hook cannot be sent."""
    outbound = flow.outbound
    if outbound is None:
        return
    found = set[tuple[str, str]]()
    for outcome, arrival, env in product(OUTCOMES, arrivals, envs):
        session = new_session(flow, "leg", arrival.call, arrival.given)
        for hook in not_reached(flow, session, outcome, context_at(moment, env)):
            if hook.problem and (hook.name, hook.problem) not in found:
                found.add((hook.name, hook.problem))
                words = FAULTS["untold"].words("placed", outcome=outcome, hook=hook)
                yield Violation("untold", flow.name, "", outbound.place, **words)


Status = Literal["proved", "walked", "stopped", "refuted"]


@dataclass(frozen=True, slots=True)
class FlowVerdict:
    """The result of a proof. It can be sent from another process as JSON.

    Attributes:
        flows: the flow and those that it can run.
        violations: once confirmed, those that the simulator reproduces, or no call can show.
        stopped: why the exploration ended early, or "".
        representatives: input → samples that represent all its values; empty if every value was tried.
        never: the outcomes that no caller takes.
        is_certain: whether certainly no call takes them.
        entered: the steps that some call enters, as (flow, step).
        undecided: of them, lines that certainly never decide.
        relies: what a proof takes for granted, as parts of a sentence.
    """

    flow: str
    flows: tuple[str, ...]
    violations: tuple[FoundViolation, ...]
    stopped: str
    states: int
    edges: int
    nccos: int
    seconds: float
    representatives: Mapping[str, tuple[Any, ...]]
    never: tuple[FlowOutcome, ...]
    is_certain: bool
    entered: frozenset[tuple[str, str]]
    undecided: tuple[FoundViolation, ...]
    relies: tuple[str, ...]

    @property
    def status(self) -> Status:
        """`refuted`: a property is violated. `stopped`: the exploration ended early.

        `walked`: everything, but some inputs only with samples, was explored. `proved`: everything was.
        """
        if any(violation.is_error for violation in self.violations):
            return "refuted"
        if self.stopped:
            return "stopped"
        return "walked" if self.representatives else "proved"

    def refuted_by(self, violations: Iterable[FoundViolation]) -> FlowVerdict:
        own = (violation for violation in violations if violation.flow in self.flows)
        return replace(self, violations=(*self.violations, *own))


@dataclass(frozen=True)
class Proof:
    """A verdict, and what it is based on.

    Attributes:
        env: the server's environment variables during the exploration.
        ranges: the explored range of variables that can leave it, by (flow, name).
    """

    verdict: FlowVerdict
    flow: Flow
    space: StateSpace
    violations: tuple[Violation, ...]
    env: Mapping[str, str]
    ranges: Mapping[tuple[str, str], tuple[float, float]]
    silence_s: float

    @cached_property
    def paths(self) -> Paths:
        return Paths(self.space)

    @cached_property
    def taken(self) -> frozenset[OutcomeKey]:
        return _taken_in(self.space)


def _taken_in(space: StateSpace) -> frozenset[OutcomeKey]:
    return frozenset(key for each in space.transitions if each.kind != "fault" for key in each.taken)


def is_proved(flow: Flow) -> bool:
    """Whether it is a flow file, whose calls can be explored."""
    return flow.handler is None and not flow.is_line


def outlined(flow: Flow) -> Flow:
    """The flow, where each handler in Python that it runs is a question with a choice for each way in which it ends.

    A call that gets to a template ends there.
    """
    subs = {name: outlined(each) for name, each in flow.subs.items()}
    if flow.is_line:
        start = flow.steps[flow.start]
        end = Goto(Target(None, start.place), start.place, "the call ends")
        return replace(flow, subs=subs, steps={start.name: replace(start, exit=end)})
    if flow.handler is None:
        return replace(flow, subs=subs)
    return replace(flow, subs=subs, handler=None, steps=flow.handler.outline)


def prove(
    flow: Flow,
    now: datetime,
    *,
    env: Mapping[str, str] | None = None,
    bounds: SearchLimits | None = None,
    silence_s: float = LIMITS["silence"],
    progress: Callable[[int, int], None] = lambda _found, _waiting: None,
) -> Proof:
    """Explore a flow of a project without errors, and all flows it can run.

    `now` is the earliest time of a call (aware). `env` has the server's variables; others get suitable values.
    `progress` gets the numbers of states found and still to explore, every few seconds.
    """
    explorer = Explorer(outlined(flow), now, env or {}, bounds or SearchLimits(), progress)
    flow = explorer.root
    space = explorer.explore()
    states, values, moments = explorer.states, explorer.values, explorer.moments
    if explorer.liveness.tests_now:
        values.chosen["now"] = tuple(moment.isoformat() for moment in moments)
    for name, (low, high) in states.clamped.items():
        values.chosen[".".join(name)] = (f"numbers from {low:g} to {high:g}",)
    for name, most in states.shortened.items():
        values.chosen[".".join(name)] = (f"no more than {most} entries or characters",)
    is_sure = is_certain(space, values.literals, values.chosen)
    found = violations(space, silence_s, is_certain=is_sure)
    lost = untold(flow, explorer.placed, explorer.envs, moments[0])
    proved = (*found, *lost)
    taken = _taken_in(space)
    verdict = FlowVerdict(
        flow=flow.name,
        flows=tuple(flows_run_from(flow)),
        violations=proved,
        stopped=space.stopped,
        states=len(space.states),
        edges=len(space.transitions),
        nccos=space.nccos,
        seconds=round(space.seconds, 3),
        representatives=dict(values.chosen),
        never=tuple(each for each in outcomes_of(flow) if each[:3] not in taken),
        is_certain=is_sure,
        entered=space.entered,
        undecided=tuple(undecided(flow, space)) if is_sure else (),
        relies=tuple(taken_for_granted(flow, space.entered)),
    )
    return Proof(verdict, flow, space, proved, values.env, states.clamped, silence_s)


def roots_of(flows: Mapping[str, Flow]) -> list[Flow]:
    """The entry flows; if there are none, the flows that no other runs. Others have scenarios instead."""
    read = [flow for flow in flows.values() if is_proved(flow)]
    startable = [flow for flow in read if flow.is_startable or flow.outbound is not None]
    run = {name for flow in flows.values() for name in flows_run_from(flow) if name != flow.name}
    first = startable or [flow for flow in read if flow.name not in run]
    return first or (read if len(read) == len(flows) else [])


def placed_forever(project: Project, verdicts: Iterable[FlowVerdict]) -> list[FoundViolation]:
    """Loops of proved flows that place calls to each other without anybody's input (W298)."""
    proved = {name for verdict in verdicts for name in verdict.flows}
    names = {flow.place.file: flow.name for flow in project.flows.values() if flow.name in proved}
    return [
        FoundViolation("placed_forever", names[issue.place.file], "", issue.place, issue.message, issue.cure, "error")
        for issue in project.issues
        if issue.code == "W298" and issue.place.file in names
    ]


def never_run(flows: Mapping[str, Flow], verdicts: Iterable[FlowVerdict]) -> list[FoundViolation]:
    """Steps and lines of all flows that no call of any flow gets to; [] if any exploration stopped early."""
    verdicts = list(verdicts)
    if any(verdict.stopped for verdict in verdicts):
        return []
    entered = frozenset[tuple[str, str]]().union(*(verdict.entered for verdict in verdicts))
    run = {name for verdict in verdicts for name in verdict.flows} - {verdict.flow for verdict in verdicts}
    is_sure = all(verdict.is_certain for verdict in verdicts)
    read = sorted(name for name in run if is_proved(flows[name]))
    lost = (each for name in read for each in unreached(flows[name], flows, entered, is_certain=is_sure))
    known = dict.fromkeys(each for verdict in verdicts for each in verdict.undecided)
    never = (
        each
        for each in known
        if all(each in verdict.undecided for verdict in verdicts if (each.flow, each.step) in verdict.entered)
    )
    return [*(each.found() for each in lost), *never]
