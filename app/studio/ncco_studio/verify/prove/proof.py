"""The proof of a flow: the explored state space, its violations, and its completeness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import Any, Final, Literal, NamedTuple

from ncco_server.engine import new_session, not_reached
from ncco_server.flow.handlers.inspection import StatementsRun
from ncco_server.flow.language.outbound import EXPIRED, REFUSED, UNKNOWN
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.verify.faults import FAULTS
from ncco_studio.verify.handlers.explored import explored_in
from ncco_studio.verify.outcomes import FlowOutcome, outcomes_of
from ncco_studio.verify.prove.environment import Arrival
from ncco_studio.verify.prove.explore import Env, Explorer
from ncco_studio.verify.prove.graph import Paths
from ncco_studio.verify.prove.properties import (
    CallLimits,
    Violation,
    is_certain,
    violations,
)
from ncco_studio.verify.prove.space import SearchLimits, StateSpace
from ncco_studio.verify.prove.states import Growth
from ncco_studio.verify.prove.triggers import context_at
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
                message = f"after `{outcome}` the hook {hook.name} cannot be sent: {hook.problem}"
                cure = FAULTS["untold"].cure
                yield Violation("untold", flow.name, "", outbound.place, message, cure, severity="warning")


Status = Literal["proved", "walked", "partial", "stopped", "refuted"]


class HandlerLines(NamedTuple):
    """What has run of a handler in a proof."""

    path: str
    flow: str
    statements: StatementsRun


@dataclass(frozen=True)
class Proof:
    """The result of exploring a flow.

    Attributes:
        representatives: input → samples that represent all its values; empty if every value was tried.
        env: the server's environment variables during the exploration.
        ranges: the explored range of variables that can leave it, by (flow, name).
        is_certain: whether certainly no call takes the outcomes in `never`.
        growth: the cause of a large exploration, or None.
        lines: of each handler with statements that no call has run.
    """

    flow: Flow
    space: StateSpace
    violations: tuple[Violation, ...]
    representatives: Mapping[str, tuple[Any, ...]]
    env: Mapping[str, str]
    ranges: Mapping[tuple[str, str], tuple[float, float]]
    call_limits: CallLimits
    is_certain: bool
    growth: Growth | None = None
    lines: tuple[HandlerLines, ...] = ()

    @property
    def status(self) -> Status:
        """`refuted`: a property is violated. `stopped`: the exploration ended early.

        `partial`: some statements of a handler did not run.
        `walked`: everything, but some inputs only with samples, was explored. `proved`: everything was.
        """
        is_refuted = any(violation.is_error for violation in self.violations)
        return status_of(self.space.stopped, self.representatives, self.lines, is_refuted=is_refuted)

    @cached_property
    def paths(self) -> Paths:
        return Paths(self.space)

    @property
    def taken(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(
            key for transition in self.space.transitions if transition.kind != "fault" for key in transition.taken
        )

    @property
    def never(self) -> tuple[FlowOutcome, ...]:
        taken = self.taken
        return tuple(each for each in outcomes_of(self.flow) if each[:3] not in taken)


def status_of(
    stopped: str, representatives: Mapping[str, Any], lines: Sequence[HandlerLines], *, is_refuted: bool
) -> Status:
    if is_refuted:
        return "refuted"
    return "stopped" if stopped else "partial" if lines else "walked" if representatives else "proved"


def prove(
    flow: Flow,
    now: datetime,
    *,
    env: Mapping[str, str] | None = None,
    bounds: SearchLimits | None = None,
    call_limits: CallLimits | None = None,
    progress: Callable[[int, int], None] = lambda _found, _waiting: None,
) -> Proof:
    """Explore a flow of a project without errors, and all flows it can run.

    `now` is the earliest time of a call (aware). `env` has the server's variables; others get suitable values.
    `progress` gets the numbers of states found and still to explore, every few seconds.
    """
    explorer = Explorer.of(flow, now, env or {}, bounds or SearchLimits(), progress)
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
    limits = call_limits or CallLimits()
    found = violations(space, limits, is_certain=is_sure)
    grown = states.growth(space.states)
    lost = untold(flow, explorer.placed, explorer.envs, moments[0])
    return Proof(
        flow,
        space,
        (*found, *lost),
        dict(values.chosen),
        values.env,
        states.clamped,
        limits,
        is_sure,
        grown,
        tuple(_partly_run(flow)),
    )


def _partly_run(root: Flow) -> Iterator[HandlerLines]:
    for flow in flows_run_from(root).values():
        handler = explored_in(flow)
        if handler is not None and (found := handler.code.run_by(handler.watch.tracer.lines)).never:
            yield HandlerLines(flow.place.file, flow.name, found)


def roots_of(flows: Mapping[str, Flow]) -> list[Flow]:
    """The entry flows; if there are none, the flows that no other runs."""
    startable = [flow for flow in flows.values() if flow.is_startable or flow.outbound is not None]
    run = {name for flow in flows.values() for name in flows_run_from(flow) if name != flow.name}
    return startable or [flow for flow in flows.values() if flow.name not in run] or list(flows.values())
