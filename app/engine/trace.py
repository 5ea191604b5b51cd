"""What a turn did and why, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import orjson

from app.flow.model import Flow, Jump, Step
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One thing a turn did.

    Attributes:
        did: `answered`, `heard`, `decided`, `entered`, `refused`, `failed`, `ended`, ...
        step: the step it concerns.
        what: the outcome, target or action.
        where: `file:line` of the flow line that decided, "" where none did.
        because: which rule decided, in one sentence.
        others: why the others did not fit.
    """

    did: str
    step: str
    what: str
    where: str = ""
    because: str = ""
    others: tuple[str, ...] = ()


def line(
    did: str, step: str, what: str, *, where: Place | None = None, because: str = "", others: tuple[str, ...] = ()
) -> TraceLine:
    """A line of the trace, with its place in the flow."""
    return TraceLine(did, step, what, f"{where.file}:{where.line}" if where else "", because, others)


class Trace(NamedTuple):
    """Lines that are the same in every call, and their JSON."""

    lines: tuple[TraceLine, ...]
    json: bytes

    def joined_to(self, first: list[TraceLine]) -> bytes:
        """The JSON of `first` and of these lines."""
        return orjson.dumps(first)[:-1] + b"," + self.json[1:]


def answered(flow: Flow) -> TraceLine:
    """How the trace of a call begins."""
    return line("answered", "", flow.name, where=flow.place, because="the flow that this call starts in")


def entered(step: Step) -> TraceLine:
    """A step was entered."""
    return line("entered", step.name, step.exit.word, where=step.place)


def jumped(step: Step, jump: Jump) -> TraceLine:
    """The exit of a step decided at once."""
    return line("decided", step.name, jump.target.shown, where=jump.place, because=jump.because, others=jump.others)
