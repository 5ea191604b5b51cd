"""Which ways through a project there are, and which of them calls have gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from app.engine import Turn
from app.engine.turn import TraceLine
from app.flow.model import Flow, Project, Step

Way: TypeAlias = tuple[str, str, str]
"""The file, the step, and the label of the way out: a choice, an outcome, a condition, or `then` after the last try."""

_FAILURES = ("noinput", "nomatch")
_AT_ONCE = {"goto"}


def ways_of(project: Project) -> set[Way]:
    """Every way out of every step where something decides."""
    return {way for flow in project.flows.values() for step in flow.steps.values() for way in _ways(flow, step)}


def ways_ended(project: Project, over: Iterable[str]) -> set[Way]:
    """The dials after whose conversation nothing is left to play; `over` names them as `flow.step`."""
    steps = [name.split(".") for name in over]
    return {(project.flows[flow].place.file, step, "completed") for flow, step in steps}


def _ways(flow: Flow, step: Step) -> Iterator[Way]:
    if step.exit.word in _AT_ONCE:
        return
    for edge in step.exit.edges():
        yield flow.place.file, step.name, edge.label
        if edge.label in _FAILURES:
            yield flow.place.file, step.name, "then"


def ways_gone(turns: Iterable[Turn]) -> set[Way]:
    """The ways that the traces of these turns tell of."""
    return {way for turn in turns for line in turn.trace if line.did == "decided" for way in _gone(line)}


def _gone(line: TraceLine) -> Iterator[Way]:
    file = line.where.rpartition(":")[0]
    for label in _labels(line):
        yield file, line.step, label


def _labels(line: TraceLine) -> Iterator[str]:
    if line.because.endswith(" holds already"):
        yield "ready"
    elif line.because.endswith(" holds") and not line.because.startswith(f"{line.what} "):
        yield f"if {line.because.removesuffix(' holds')}"
    if line.because.startswith("else: "):
        yield "else"
    yield "otherwise" if '"otherwise" decides' in line.because else line.what
    if "retry.then leads" in line.because:
        yield "then"
