"""The verdict on a flow: what remains of a proof without its states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ncco_server.flow.model import Flow, Project
from ncco_studio.verify.outcomes import FlowOutcome
from ncco_studio.verify.prove.proof import HandlerLines, Proof, Status, status_of
from ncco_studio.verify.prove.properties import FoundViolation, undecided, unreached
from ncco_studio.verify.prove.uses import flows_run_from


@dataclass(frozen=True, slots=True)
class FlowVerdict:
    """The result of a proof. It can be sent from another process, and stored as JSON.

    Attributes:
        violations: those that the simulator reproduces, or no call can show.
        stopped: why the exploration ended early, or "".
        representatives, is_certain, lines: as in `Proof`.
        never: the outcomes that no caller takes.
        growth: the cause of a large exploration, or "".
        entered: the steps that some call enters, as (flow, step).
        undecided: of them, lines that certainly never decide.
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
    growth: str
    entered: frozenset[tuple[str, str]]
    undecided: tuple[FoundViolation, ...] = ()
    lines: tuple[HandlerLines, ...] = ()

    @classmethod
    def of(cls, proof: Proof, violations: Iterable[FoundViolation] = (), stopped: str = "") -> FlowVerdict:
        space = proof.space
        return cls(
            flow=proof.flow.name,
            flows=tuple(flows_run_from(proof.flow)),
            violations=tuple(violations),
            stopped=space.stopped or stopped,
            states=len(space.states),
            edges=len(space.transitions),
            nccos=space.nccos,
            seconds=round(space.seconds, 3),
            representatives={name: tuple(values) for name, values in proof.representatives.items()},
            never=proof.never,
            is_certain=proof.is_certain,
            growth="" if proof.growth is None else str(proof.growth),
            entered=space.entered,
            undecided=tuple(undecided(proof.flow, space)) if proof.is_certain else (),
            lines=proof.lines,
        )

    @property
    def status(self) -> Status:
        is_refuted = any(violation.is_error for violation in self.violations)
        return status_of(self.stopped, self.representatives, self.lines, is_refuted=is_refuted)

    def refuted_by(self, violations: Iterable[FoundViolation]) -> FlowVerdict:
        return replace(
            self,
            violations=(*self.violations, *(violation for violation in violations if violation.flow in self.flows)),
        )


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
    lost = (each for name in sorted(run) for each in unreached(flows[name], flows, entered, is_certain=is_sure))
    known = dict.fromkeys(each for verdict in verdicts for each in verdict.undecided)
    never = (
        each
        for each in known
        if all(each in verdict.undecided for verdict in verdicts if (each.flow, each.step) in verdict.entered)
    )
    return [*(each.found() for each in lost), *never]
