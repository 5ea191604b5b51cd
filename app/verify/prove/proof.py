"""What a proof says of a flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

from app.flow.model import Flow
from app.ncco.ssml import LONGEST
from app.verify.outcomes import Outcome, outcomes_of
from app.verify.prove.callers import calls_to, variables_for, variants_of
from app.verify.prove.certainty import is_certain
from app.verify.prove.driving import Driver
from app.verify.prove.flows import family
from app.verify.prove.garbage import after_garbage
from app.verify.prove.graph import Graph
from app.verify.prove.inputs import Inputs
from app.verify.prove.literals import Literals
from app.verify.prove.liveness import Liveness
from app.verify.prove.moments import moments_of
from app.verify.prove.states import States
from app.verify.prove.values import Representatives, may_get_longer
from app.verify.prove.violation import Violation
from app.verify.prove.violations import Permitted, behind_errors, unreached, violations
from app.verify.prove.walk import Walker
from app.verify.prove.walked import Bounds, Walk
from app.verify.prove.ways import Ways

GARBLED: Final = Bounds(5_000, 10.0)
"""How far a walk goes in which look-ups give what no flow can ask about."""
Verdict = Literal["proved", "walked", "stopped", "refuted"]


@dataclass(frozen=True)
class Proof:
    """A walked flow.

    Attributes:
        violations: what nobody should come to; empty when all is well.
        representatives: input → the values that stand for all others of it; empty when every value was walked.
        env: the variables of the server that it was walked with.
        ranges: of variables that may go farther, by (flow, name), the least and the greatest number that was walked.
        permitted: what a caller may be asked to bear.
        is_certain: whether what was not come to is come to by no call at all.
    """

    flow: Flow
    walk: Walk
    violations: tuple[Violation, ...]
    representatives: Mapping[str, tuple[Any, ...]]
    env: Mapping[str, str]
    ranges: Mapping[tuple[str, str], tuple[float, float]]
    permitted: Permitted
    is_certain: bool

    @property
    def verdict(self) -> Verdict:
        """Proved: all that can happen was walked; walked: with values that stand for others; stopped: not all.

        Refuted, whatever was walked: something is wrong.
        """
        if any(each.is_error for each in self.violations):
            return "refuted"
        return "stopped" if self.walk.stopped else "walked" if self.representatives else "proved"

    @cached_property
    def ways(self) -> Ways:
        """The ways through it."""
        return Ways(self.walk)

    @property
    def entered(self) -> frozenset[tuple[str, str]]:
        """The steps that some caller comes to, as (flow, step)."""
        return frozenset(key for edge in self.walk.edges for key in edge.entered)

    @property
    def taken(self) -> frozenset[tuple[str, str, str]]:
        """The outcomes that some caller takes."""
        return frozenset(key for edge in self.walk.edges if edge.sort != "fault" for key in edge.taken)

    @property
    def never(self) -> tuple[Outcome, ...]:
        """The outcomes of the flow that no caller takes."""
        taken = self.taken
        return tuple(each for each in outcomes_of(self.flow) if tuple(each[:3]) not in taken)


def prove(
    flow: Flow,
    now: datetime,
    *,
    env: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
    permitted: Permitted | None = None,
) -> Proof:
    """Walk a flow and everything that a call may come to from it.

    Args:
        flow: of a project without errors.
        now: aware; the opening hours from then on are looked at.
        env: the variables of the server that are set; for others one is made that fits.
        bounds: where to stop.
        permitted: what a caller may be asked to bear.
    """
    given, borne = env or {}, permitted or Permitted()
    proof = _prove(flow, now, given, bounds or Bounds(), borne, is_long=False)
    return _prove(flow, now, given, bounds or Bounds(), borne, is_long=True) if _is_full(proof.walk) else proof


def _is_full(walk: Walk) -> bool:
    """Whether a prompt has no room for the long texts that a look-up may give; they are walked only then."""
    nccos = {id(edge.ncco): edge.ncco for edge in walk.edges}.values()
    talks = (action for ncco in nccos for action in ncco.actions if action["action"] == "talk")
    return any(may_get_longer(str(action["text"]), LONGEST) for action in talks)


def _prove(
    flow: Flow, now: datetime, env: Mapping[str, str], bounds: Bounds, permitted: Permitted, *, is_long: bool
) -> Proof:
    """With `is_long`, look-ups give long texts where nothing looks at them."""
    literals = Literals(flow)
    liveness = Liveness(flow)
    variables = variables_for(flow, literals, env)
    shown = Representatives(literals, variables, is_long=is_long)
    moments = moments_of(flow, literals, now)
    states = States(flow, literals, liveness)

    def walker(shown: Representatives, states: States, bounds: Bounds) -> Walker:
        return Walker(
            flow,
            calls_to(flow, shown),
            moments,
            variants_of(literals, variables),
            states,
            liveness,
            Inputs(flow, shown),
            Driver(flow, shown),
            bounds,
            any(len(path) for path in literals.paths_of("", "input")),
        )

    walk = walker(shown, states, bounds).walk()
    if liveness.tests_now:
        shown.chosen["now"] = tuple(moment.isoformat() for moment in moments)
    for name, (low, high) in states.left.items():
        shown.chosen[".".join(name)] = (f"numbers from {low:g} to {high:g}",)
    for name, most in states.shortened.items():
        shown.chosen[".".join(name)] = (f"no more than {most} entries or characters",)
    is_sure = is_certain(walk, literals, shown.chosen)
    found = list(violations(walk, Graph(walk), permitted, is_certain=is_sure))
    if shown.may_be_garbled and not walk.stopped:
        garbling = Representatives(literals, variables, is_garbled=True)
        garbled = walker(garbling, States(flow, literals, liveness), GARBLED).walk_calmly()
        found += after_garbage(walk, garbled, {each[:3] for each in found})
    return Proof(flow, walk, tuple(found), dict(shown.chosen), variables, dict(states.left), permitted, is_sure)


def roots_of(flows: Mapping[str, Flow]) -> list[Flow]:
    """The flows that calls begin in; those that no other flow runs when there are none."""
    startable = [flow for flow in flows.values() if flow.is_startable]
    run = {name for flow in flows.values() for name in family(flow) if name != flow.name}
    return startable or [flow for flow in flows.values() if flow.name not in run] or list(flows.values())


def never_run(flows: Mapping[str, Flow], proofs: Iterable[Proof]) -> list[Violation]:
    """The steps of flows that only other flows run, and to which none of all calls comes."""
    proofs = list(proofs)
    if any(proof.walk.stopped for proof in proofs):
        return []
    entered = frozenset[tuple[str, str]]().union(*(proof.entered for proof in proofs))
    begun = {proof.flow.name for proof in proofs}
    run = {name for proof in proofs for name in family(proof.flow)} - begun
    is_sure = all(proof.is_certain for proof in proofs)
    return [each for name in sorted(run) for each in _missing(flows[name], entered, is_certain=is_sure)]


def _missing(flow: Flow, entered: Set[tuple[str, str]], *, is_certain: bool) -> Iterator[Violation]:
    reached = {step for name, step in entered if name == flow.name}
    for step in flow.steps:
        if step not in reached and step not in behind_errors(flow, reached):
            yield unreached(flow, step, is_certain=is_certain)
