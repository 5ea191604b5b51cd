"""What came of the steps of a turn, by its trace: outcomes as `app.verify.outcomes` names them.

Coverage reads the traces that the server has kept, proof those of the engine: both by this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from app.flow.model import Flow
from app.verify.decisions import Decisions, asked

Key: TypeAlias = tuple[str, str, str]
"""Flow, step, name of the outcome."""
Files: TypeAlias = Mapping[str, Flow]
"""The flows that a call may be in, by their files."""


class Line(Protocol):
    """What a trace says; see `app.engine.turn.TraceLine`."""

    @property
    def did(self) -> str:
        """What happened."""

    @property
    def step(self) -> str:
        """The step it concerns."""

    @property
    def what(self) -> str:
        """The outcome, target or action."""

    @property
    def where(self) -> str:
        """File and line."""

    @property
    def because(self) -> str:
        """The rule that decided."""

    @property
    def others(self) -> Sequence[str]:
        """Why the others did not fit."""


def by_file(flows: Iterable[Flow]) -> Files:
    """Flows by their files."""
    return {flow.place.file: flow for flow in flows}


class Following:
    """Follows a call from flow to flow through one turn.

    What is heard, entered and fails has its place in the file of the flow that the call is in. What decides may have it
    in a file of shared parts: then the call is where it was.

    Args:
        files: of the flows that the call may be in.
        at: the flow that it waits in; None: its trace tells.

    Attributes:
        begun: the flow that the call, or a party, was answered with; None when it had been before.
        entered: the steps that were entered, as (flow, step), in order.
        taken: the outcomes, in order.
        failed: the failures, as (flow, step, line); "" is a step that is not known.
    """

    def __init__(self, files: Files, at: Flow | None = None) -> None:
        self._files = files
        self._flow = at
        self._decisions = Decisions()
        self.begun: Flow | None = None
        self.entered: list[tuple[str, str]] = []
        self.taken: list[Key] = []
        self.failed: list[tuple[str, str, Line]] = []

    def read(self, lines: Iterable[Line]) -> Following:
        """Follow the trace of a turn."""
        for line in lines:
            self._flow = self._files.get(line.where.rpartition(":")[0], self._flow)
            if self._flow is not None:
                self._line(line, self._flow)
        return self

    def _line(self, line: Line, flow: Flow) -> None:
        match line.did:
            case "answered":
                self.begun = flow
            case "heard":
                self._decisions.hear(line.because)
            case "entered":
                self._decisions.enter(line.step)
                self.entered.append((flow.name, line.step))
            case "asked":
                self.taken.append((flow.name, line.step, asked(line.what, line.because)))
            case "failed" if line.what != "failsafe":
                self.failed.append((flow.name, line.step, line))
            case "decided" if line.step in flow.steps:
                self._decide(line, flow)
            case _:
                pass

    def _decide(self, line: Line, flow: Flow) -> None:
        name = self._decisions.outcome(flow.steps[line.step], line.what, line.because, len(line.others))
        if name:
            self.taken.append((flow.name, line.step, name))
