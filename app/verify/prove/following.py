"""What came of the steps of a turn, by its trace: outcomes as `app.verify.outcomes` names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.engine import Session, TraceLine
from app.flow.model import Flow
from app.flow.nodes import Place
from app.verify.decisions import Decisions, asked

Key = tuple[str, str, str]
"""Flow, step, name of the outcome."""


@dataclass(slots=True)
class Level:
    """A flow that the call is in, and the step that it entered last."""

    flow: Flow
    step: str


class Following:
    """Follows a call from flow to flow through one turn.

    Attributes:
        entered: the steps that were entered or decided, as (flow, step), in order.
        taken: the outcomes, in order.
        failed: the failures, as (flow, step, line).
    """

    def __init__(self, root: Flow, before: Session | None) -> None:
        self._root = root
        self._levels = [Level(root, "")] if before is None else _levels(root, before)
        self._decisions = Decisions()
        self.entered: list[tuple[str, str]] = []
        self.taken: list[Key] = []
        self.failed: list[tuple[str, str, TraceLine]] = []

    def read(self, lines: Iterable[TraceLine]) -> Following:
        """Follow the trace of a turn."""
        for line in lines:
            self._line(line)
        return self

    def _line(self, line: TraceLine) -> None:
        match line.did:
            case "answered":
                self._levels = [Level(self._root.named(line.what), "")]
            case "entered":
                self._enter(line)
            case "ran":
                self._run(line)
            case "heard":
                self._decisions.hear(line.because)
            case "asked":
                self._take(line.step, asked(line.what, line.because))
            case "failed" if line.step:
                self.failed.append((self._here.flow.name, line.step, line))
            case "decided":
                self._decide(line)
            case _:
                pass

    @property
    def _here(self) -> Level:
        return self._levels[-1]

    def _take(self, step: str, name: str) -> None:
        self.taken.append((self._here.flow.name, step, name))

    def _enter(self, line: TraceLine) -> None:
        """A step was entered; behind a failure that may be one of a flow that waited."""
        while len(self._levels) > 1 and not _stands(self._here.flow, line):
            self._levels.pop()
        self._here.step = line.step
        self._decisions.enter(line.step)
        self.entered.append((self._here.flow.name, line.step))

    def _run(self, line: TraceLine) -> None:
        step = self._here.flow.steps.get(line.step)
        comes_back = step is not None and step.exit.word == "run" and line.where == shown(step.exit.place)
        if not comes_back:
            self._levels.clear()
        self._levels.append(Level(self._root.named(line.what), ""))

    def _is_here(self, line: TraceLine) -> bool:
        file = line.where.rpartition(":")[0]
        return self._here.step == line.step and file in ("", self._here.flow.place.file)

    def _decide(self, line: TraceLine) -> None:
        """The step that waits may bear the name of one of the flow that has come back to it: its file tells them."""
        while len(self._levels) > 1 and not self._is_here(line):
            self._levels.pop()
        step = self._here.flow.steps[line.step]
        name = self._decisions.outcome(step, line.what, line.because, len(line.others))
        if name:
            self._take(line.step, name)


def _levels(root: Flow, session: Session) -> list[Level]:
    waiting = [Level(root.named(caller.flow), caller.step) for caller in session.callers]
    return [*waiting, Level(root.named(session.at), session.step)]


def _stands(flow: Flow, line: TraceLine) -> bool:
    step = flow.steps.get(line.step)
    return step is not None and shown(step.place) == line.where


def shown(place: Place) -> str:
    """A place as traces write it."""
    return f"{place.file}:{place.line}"
