"""What came of the steps of a turn, by its trace: outcomes as `app.verify.outcomes` names them.

Coverage reads the traces that the server has kept, proof those of the engine: both by this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from app.flow.language.collect import Collect
from app.flow.language.exits import Branch, Hold
from app.flow.language.menu import Choices
from app.flow.language.outcomes import On, Run
from app.flow.language.retry import FAILURES
from app.flow.model import Flow, Step
from app.verify.outcomes import DEFAULT, KEYS, REAL, SPEECH, arm_name, failed_try

Key: TypeAlias = tuple[str, str, str]
"""Flow, step, name of the outcome."""
Files: TypeAlias = Mapping[str, Flow]
"""The flows that a call may be in, by their files."""

_TRY: Final = re.compile(r"failed try (\d+) of (\d+)")
_NEXT: Final = re.compile(r"; target \d+ of \d+ is next$")
_RUNS: Final = "run: "
"""How the exits say why: `app.flow.language.retry` and `.outcomes`. A test holds this to them."""


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
        self._decisions = _Decisions()
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
                self.taken.append((flow.name, line.step, _asked(line.what, line.because)))
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


def _asked(name: str, because: str) -> str:
    """What the answer of a look-up is counted as."""
    return f"{name} {REAL if because.startswith('ok, ') else DEFAULT}"


@dataclass(slots=True)
class _Decisions:
    """The decisions of one turn: they follow from what was heard, or from entering a step."""

    _heard: str = ""
    _entered: str = ""

    def hear(self, because: str) -> None:
        """A webhook was understood."""
        self._heard, self._entered = because, ""

    def enter(self, step: str) -> None:
        """A step was entered."""
        self._heard, self._entered = "", step

    def outcome(self, step: Step, what: str, because: str, others: int) -> str:
        """The name of the outcome; "" for what is none, as asking again without blame.

        Args:
            step: the one that has decided.
            what: what it has decided for.
            because: why.
            others: how many others did not fit.
        """
        exit_ = step.exit
        is_at_once = self._entered == step.name
        if isinstance(exit_, Choices | Collect):
            return self._answered(what, because)
        if isinstance(exit_, Branch):
            return arm_name(exit_, others)
        if isinstance(exit_, Hold):
            return "ready" if is_at_once else what
        if isinstance(exit_, On):
            return _line_of(exit_, "otherwise" if is_at_once else what, because)
        return _outcome_of(exit_, what, because) if isinstance(exit_, Run) else ""

    def _answered(self, what: str, because: str) -> str:
        """What came of a menu or a data entry."""
        if what in FAILURES and (tried := _TRY.search(because)):
            return failed_try(what, int(tried[1]), int(tried[2]))
        way = SPEECH if self._heard.startswith("speech ") else KEYS
        return "" if what == "asr_error" else f"{what} {way}"


def _line_of(on: On, outcome: str, because: str) -> str:
    """The line of an `on` that takes an outcome; "" while the next of a list is dialled."""
    if _NEXT.search(because):
        return ""
    if outcome in on.lines:
        return outcome
    return "otherwise" if "otherwise" in on.lines else "failed"


def _outcome_of(run: Run, what: str, because: str) -> str:
    """What a flow has come back with; "" while it has not."""
    if because.startswith(_RUNS):
        return ""
    return what if what in run.lines else "otherwise"
