"""All outcomes of a flow, and the outcomes that a call had according to its traces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from ncco_server.engine.session import Session, TraceLine
from ncco_server.engine.waits import kind_of
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import IMMEDIATE
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.pictures.graph import ERROR, OutcomeKey

REAL: Final = "answered"
DEFAULT: Final = "default"
ENTERED: Final = "entered"
RESULT: Final = "result"


class FlowOutcome(NamedTuple):
    """A way for a call to continue after a step; `place` is the deciding line.

    Names are `sales by keys`, `noinput, try 1`, `busy`, `if vip`, `else`, `customer default`, `result booked`, ...
    """

    flow: str
    step: str
    name: str
    place: Place


def outcomes_of(flow: Flow) -> tuple[FlowOutcome, ...]:
    """In the order of steps, without the flows it runs; none of a handler in Python.

    A lookup has two outcomes, with and without a real answer; a flow without any has one: that it was entered.
    """
    if flow.handler is not None:
        return ()
    found = tuple(outcome for step in flow.steps.values() for outcome in _of_step(flow, step))
    return found or (FlowOutcome(flow.name, flow.start, ENTERED, flow.steps[flow.start].place),)


def _of_step(flow: Flow, step: Step) -> Iterator[FlowOutcome]:
    for asking in step.asks:
        for came in (REAL, DEFAULT):
            yield FlowOutcome(flow.name, step.name, f"{asking.name} {came}", asking.place)
    for name, place in step.exit.outcomes():
        yield FlowOutcome(flow.name, step.name, name, place)
    if step.result:
        yield FlowOutcome(flow.name, step.name, f"{RESULT} {step.result}", step.place)


Files: TypeAlias = Mapping[str, Flow]
"""The keys are files."""


def by_file(flows: Iterable[Flow]) -> Files:
    return {flow.place.file: flow for flow in flows}


class Following:
    """Follows a call through the flows of one turn.

    Prompts, entered steps and failures are lines of the current flow's file. A decision can be a line of a shared file;
    then the current flow stays the same. `at` is the flow before the turn; None if the trace shows it.

    Attributes:
        begun: the flow that answered in this turn, if any.
        jumped: the steps that were left without a decision, by `goto` or by running another flow.
        failed: with step "" if unknown.
    """

    def __init__(self, files: Files, at: Flow | None = None) -> None:
        self._files = files
        self._flow = at
        self._latest: tuple[str, str] | None = None
        """The last step entered; None after a prompt."""
        self._heard_by = ""
        self.begun: Flow | None = None
        self.entered: list[tuple[str, str]] = []
        self.taken: list[OutcomeKey] = []
        self.jumped: list[OutcomeKey] = []
        self.failed: list[tuple[str, str, TraceLine]] = []

    def read(self, lines: Iterable[TraceLine]) -> Following:
        for line in lines:
            self._flow = self._files.get(line.where.rpartition(":")[0], self._flow)
            if self._flow is not None:
                self._line(line, self._flow)
        return self

    def _line(self, line: TraceLine, flow: Flow) -> None:
        match line.did:
            case "answered":
                self.begun = flow
            case "heard":
                self._latest = None
                self._heard_by = line.by
            case "entered":
                self._latest = (flow.name, line.step)
                self.entered.append(self._latest)
                if (step := flow.steps.get(line.step)) is not None and step.result:
                    self.taken.append((flow.name, line.step, f"{RESULT} {step.result}"))
            case "asked":
                came = REAL if line.by == "answer" else DEFAULT
                self.taken.append((flow.name, line.step, f"{line.what} {came}"))
            case "failed" if line.what != "failsafe":
                self.failed.append((flow.name, line.step, line))
                self.taken = [each for each in self.taken if each[1] != line.step or not each[2].startswith(RESULT)]
            case "decided" if line.step in flow.steps:
                exit_ = flow.steps[line.step].exit
                name = exit_.outcome_of(line, self._heard_by, is_at_once=self._latest == (flow.name, line.step))
                if name:
                    (self.jumped if name == IMMEDIATE else self.taken).append((flow.name, line.step, name))
            case _:
                pass


def completed_last(
    flows: Mapping[str, Flow], session: Session, statuses: Iterable[tuple[int, str]]
) -> Iterator[OutcomeKey]:
    """The outcome `completed` of a last dial that ends the call, which no trace contains.

    `statuses` are those reported for the waits of the last turn, as (index of the wait, status).
    """
    seen = list(statuses)
    for wait in session.waits:
        flow = flows.get(wait.flow or session.flow)
        step = flow.steps.get(wait.step) if flow is not None else None
        if flow is None or step is None or not kind_of(wait).is_observed:
            continue
        ends = {way.name for way in step.exit.ways if way.target.is_end}
        reported = frozenset(status for number, status in seen if number == wait.index)
        is_last = "completed" in ends & step.exit.statuses and "answered" in reported
        if is_last and reported.isdisjoint(DIAL_FAILURES):
            yield flow.name, wait.step, "completed"


def error_exit(flow: Flow, step: str) -> OutcomeKey:
    own = flow.steps.get(step)
    return flow.name, step if own is not None and own.error is not None else "", ERROR
