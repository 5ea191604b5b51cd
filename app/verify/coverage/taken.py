"""Which outcomes a call has taken: read from the traces of its turns, as the server has kept them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.engine.outcome import hear_connected
from app.engine.session import Session
from app.flow.exits.on import On
from app.flow.model import Flow
from app.verify.decisions import Decisions, asked
from app.verify.outcomes import ENTERED, error_exits_of, outcomes_of


class Line(NamedTuple):
    """What a trace says, as far as it is needed here; see `app.engine.trace.TraceLine`."""

    did: str
    step: str
    what: str
    where: str
    because: str
    others: int


class Name(NamedTuple):
    """An outcome without its place."""

    flow: str
    step: str
    name: str


def lines_of(trace: bytes) -> tuple[Line, ...]:
    """The lines of a stored trace."""
    found = json.loads(trace)
    return tuple(
        Line(
            line["did"],
            line["step"],
            line["what"],
            line.get("where", ""),
            line.get("because", ""),
            len(line.get("others", ())),
        )
        for line in found
    )


class Flows:
    """The flows of a project, and how a line of a trace is understood in them."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self.flows: Mapping[str, Flow] = {flow.name: flow for flow in flows}
        self._by_file = {flow.place.file: flow for flow in self.flows.values()}
        self.outcomes = {name: outcomes_of(flow) for name, flow in self.flows.items()}
        self.error_exits = {name: error_exits_of(flow) for name, flow in self.flows.items()}

    def taken(self, lines: Iterable[Line]) -> Iterator[Name]:
        """What one turn has taken."""
        reading = _Reading(self._by_file)
        for line in lines:
            yield from reading.read(line)

    def connected(self, session: Session, statuses: Iterable[tuple[int, str]]) -> Iterator[Name]:
        """`completed: end` of the dial that a call was in last: nothing asks the server what follows it."""
        seen = list(statuses)
        for wait in session.waits:
            flow = self.flows.get(wait.flow or session.flow)
            exit_ = flow.steps[wait.step].exit if flow is not None and wait.step in flow.steps else None
            if flow is None or not isinstance(exit_, On) or wait.kind != "event" or "completed" not in exit_.lines:
                continue
            reported = frozenset(status for number, status in seen if number == wait.index)
            is_end = exit_.lines["completed"].target.is_end
            if is_end and "answered" in reported and hear_connected(reported).name == "completed":
                yield Name(flow.name, wait.step, "completed")


@dataclass(slots=True)
class _Reading:
    """One trace, read line by line: which flow it is in, and what led to a decision."""

    by_file: Mapping[str, Flow]
    flow: Flow | None = None
    decisions: Decisions = field(default_factory=Decisions)
    has_failed: bool = False

    def read(self, line: Line) -> Iterator[Name]:
        """The outcomes that a line tells of."""
        self.flow = self.by_file.get(line.where.rpartition(":")[0], self.flow)
        self.has_failed |= line.did == "failed"
        if self.flow is not None:
            yield from self._read_in(self.flow, line)

    def _read_in(self, flow: Flow, line: Line) -> Iterator[Name]:
        """The outcomes in the flow that the line is of."""
        name = flow.name
        if self.has_failed and line.what != "failsafe":
            self.has_failed = False
            step = flow.steps.get(line.step) if line.did == "failed" else None
            yield Name(name, line.step if step is not None and step.error is not None else "", "error")
        match line.did:
            case "answered":
                yield Name(name, flow.start, ENTERED)
            case "heard":
                self.decisions.hear(line.because)
            case "entered":
                self.decisions.enter(line.step)
                if line.step == flow.start:
                    yield Name(name, line.step, ENTERED)
            case "asked":
                yield Name(name, line.step, asked(line.what, line.because))
            case "decided" if line.step in flow.steps:
                found = self.decisions.outcome(flow.steps[line.step], line.what, line.because, line.others)
                if found:
                    yield Name(name, line.step, found)
