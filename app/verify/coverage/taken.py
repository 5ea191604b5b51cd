"""Which outcomes a call has taken: read from the traces of its turns, as the server has kept them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.engine.outcome import hear_connected
from app.engine.session import Session
from app.flow.language.outcomes import On
from app.flow.model import Flow
from app.verify.following import Following, Line, by_file
from app.verify.outcomes import ENTERED, error_exits_of, outcomes_of


class KeptLine(NamedTuple):
    """A line of a trace as it was kept, as far as it is needed here; see `app.engine.turn.TraceLine`."""

    did: str
    step: str
    what: str
    where: str
    because: str
    others: tuple[str, ...]


class Name(NamedTuple):
    """An outcome without its place."""

    flow: str
    step: str
    name: str


def lines_of(trace: bytes) -> tuple[KeptLine, ...]:
    """The lines of a stored trace."""
    return tuple(
        KeptLine(
            line["did"],
            line["step"],
            line["what"],
            line.get("where", ""),
            line.get("because", ""),
            tuple(line.get("others", ())),
        )
        for line in json.loads(trace)
    )


class Flows:
    """The flows of a project, and how a line of a trace is understood in them."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self.flows: Mapping[str, Flow] = {flow.name: flow for flow in flows}
        self._files = by_file(self.flows.values())
        self.outcomes = {name: outcomes_of(flow) for name, flow in self.flows.items()}
        self.error_exits = {name: error_exits_of(flow) for name, flow in self.flows.items()}

    def taken(self, lines: Iterable[Line]) -> Iterator[Name]:
        """What one turn has taken."""
        follow = Following(self._files).read(lines)
        if follow.begun is not None:
            yield Name(follow.begun.name, follow.begun.start, ENTERED)
        for name, step in follow.entered:
            if step == self.flows[name].start:
                yield Name(name, step, ENTERED)
        for name, step, _ in follow.failed:
            own = self.flows[name].steps.get(step)
            yield Name(name, step if own is not None and own.error is not None else "", "error")
        yield from (Name(*key) for key in follow.taken)

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
