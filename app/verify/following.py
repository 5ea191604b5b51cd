"""What came of the steps of a turn, by its trace: outcomes as `app.verify.outcomes` names them.

Coverage reads the traces that the server has kept, and `prove` those of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from app.flow.language.collect import Collect
from app.flow.language.exits import Branch, Hold
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On, Run
from app.flow.model import Flow, Step
from app.verify.outcomes import DEFAULT, KEYS, REAL, SPEECH, arm_name, failed_try

Key: TypeAlias = tuple[str, str, str]
"""Flow, step, name of the outcome."""
Files: TypeAlias = Mapping[str, Flow]
"""The flows that a call may be in, by their files."""


class Line(Protocol):
    """A line of a trace; `app.engine.turn.TraceLine` describes its fields."""

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
        """The rule that decided, for people."""

    @property
    def others(self) -> Sequence[str]:
        """Why the others did not fit."""

    @property
    def by(self) -> str:
        """`keys` or `speech`; `answer` or `default`."""

    @property
    def attempt(self) -> int:
        """The failed try."""

    @property
    def attempts(self) -> int:
        """Of how many."""

    @property
    def next_target(self) -> int:
        """The target of a list that is rung next."""


def by_file(flows: Iterable[Flow]) -> Files:
    """Flows by their files."""
    return {flow.place.file: flow for flow in flows}


class Following:
    """Follows a call from flow to flow through one turn.

    A line that was heard, entered or failed has its place in the file of the flow that the call is in. A line that
    decided may be in a file of shared parts: then the call stays in its flow.

    Args:
        files: of the flows that the call may be in.
        at: the flow that it waits in; None: the trace says.

    Attributes:
        begun: the flow that the call, or a party, was answered with; None when it was answered before.
        entered: the steps that were entered, as (flow, step), in order.
        taken: the outcomes, in order.
        failed: the failures, as (flow, step, line); "" is an unknown step.
    """

    def __init__(self, files: Files, at: Flow | None = None) -> None:
        self._files = files
        self._flow = at
        self._latest: tuple[str, str] | None = None
        """The step that was entered last; None after something was heard."""
        self._heard_by = ""
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
                self._latest, self._heard_by = None, line.by
            case "entered":
                self._latest = (flow.name, line.step)
                self.entered.append(self._latest)
            case "asked":
                came = REAL if line.by == "answer" else DEFAULT
                self.taken.append((flow.name, line.step, f"{line.what} {came}"))
            case "failed" if line.what != "failsafe":
                self.failed.append((flow.name, line.step, line))
            case "decided" if line.step in flow.steps:
                is_at_once = self._latest == (flow.name, line.step)
                name = self._outcome(flow.steps[line.step], line, is_at_once=is_at_once)
                self.taken += [(flow.name, line.step, name)] if name else []
            case _:
                pass

    def _outcome(self, step: Step, line: Line, *, is_at_once: bool) -> str:
        """The name of the outcome of a decision; "" for none, such as asking again without blame.

        `is_at_once`: the step has decided on entering.
        """
        exit_ = step.exit
        match exit_:
            case Choices() | Collect() if line.attempt:
                return failed_try(line.what, line.attempt, line.attempts)
            case Choices() | Collect():
                way = SPEECH if self._heard_by == "speech" else KEYS
                return "" if line.what == "asr_error" else f"{line.what} {way}"
            case Branch():
                return arm_name(exit_, len(line.others))
            case Hold():
                return "ready" if is_at_once else line.what
            case On():
                return _line_of(exit_, "otherwise" if is_at_once else line.what) if not line.next_target else ""
            case Run():
                return "" if is_at_once else line.what if line.what in exit_.lines else "otherwise"
        return ""


def _line_of(on: On, outcome: str) -> str:
    """The line of an `on` that takes an outcome."""
    if outcome in on.lines:
        return outcome
    return "otherwise" if "otherwise" in on.lines else "failed"
