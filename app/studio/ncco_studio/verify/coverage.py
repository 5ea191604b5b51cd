"""Counts the outcomes of flows that scenarios take, and reports or draws the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ncco_server.desk.transcript import trace_of
from ncco_server.engine.session import TraceLine
from ncco_server.flow.model import Flow
from ncco_studio.pictures.graph import OutcomeKey
from ncco_studio.verify.handler_lines import HandlerLines, LineTrace
from ncco_studio.verify.outcomes import (
    ENTERED,
    FlowOutcome,
    Following,
    by_file,
    completed_last,
    outcomes_of,
)
from ncco_studio.verify.scenarios.result import Result


@dataclass(frozen=True, slots=True)
class FlowCoverage:
    """The coverage of one flow.

    Attributes:
        outcomes: every outcome, with the number of scenarios that took it.
        lines: of a handler in Python, which has no outcomes; none for a flow file.
    """

    flow: Flow
    path: str
    outcomes: Mapping[FlowOutcome, int]
    lines: HandlerLines

    @property
    def taken(self) -> int:
        return sum(1 for count in self.outcomes.values() if count)

    @property
    def missing(self) -> tuple[FlowOutcome, ...]:
        return tuple(outcome for outcome, count in self.outcomes.items() if not count)

    @property
    def percent(self) -> float:
        """Between 0 and 100; 100 without outcomes."""
        return 100 * self.taken / len(self.outcomes) if self.outcomes else 100.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of all flows of a project, by flow name."""

    flows: Mapping[str, FlowCoverage]

    @property
    def outcomes(self) -> int:
        return sum(len(flow.outcomes) for flow in self.flows.values())

    @property
    def taken(self) -> int:
        return sum(flow.taken for flow in self.flows.values())

    @property
    def percent(self) -> float:
        return 100 * self.taken / self.outcomes if self.outcomes else 100.0

    @property
    def missing(self) -> tuple[FlowOutcome, ...]:
        return tuple(outcome for flow in self.flows.values() for outcome in flow.missing)


class OutcomeCounter:
    """Counts the outcomes that calls take in a project's flows."""

    def __init__(self, flows: Iterable[Flow], path_of: Callable[[str], str] = str) -> None:
        self._path_of = path_of
        self._flows: Mapping[str, Flow] = {flow.name: flow for flow in flows}
        self._files = by_file(self._flows.values())
        self._counts: Counter[OutcomeKey] = Counter()
        self._read = cache(trace_of)  # many turns have the same trace

    def add(self, result: Result) -> None:
        """Count each outcome once per scenario."""
        self._counts.update(self.taken(result))

    def taken(self, result: Result) -> set[OutcomeKey]:
        found: set[OutcomeKey] = set()
        for record in result.records:
            for turn in record.turns:
                found.update(self._taken_in(self._read(turn.trace)))
            found.update(completed_last(self._flows, record.session, record.statuses))
        return found

    def coverage(self, trace: LineTrace) -> Coverage:
        return Coverage({name: self._coverage_of(flow, trace) for name, flow in sorted(self._flows.items())})

    def _coverage_of(self, flow: Flow, trace: LineTrace) -> FlowCoverage:
        return FlowCoverage(
            flow,
            self._path_of(flow.place.file),
            self._counted(outcomes_of(flow)),
            trace.of(flow),
        )

    def _counted(self, outcomes: Iterable[FlowOutcome]) -> dict[FlowOutcome, int]:
        return {self._shown(outcome): self._counts[outcome[:3]] for outcome in outcomes}

    def _shown(self, outcome: FlowOutcome) -> FlowOutcome:
        return outcome._replace(place=outcome.place._replace(file=self._path_of(outcome.place.file)))

    def _taken_in(self, lines: Iterable[TraceLine]) -> Iterator[OutcomeKey]:
        follow = Following(self._files).read(lines)
        if follow.begun is not None:
            yield follow.begun.name, follow.begun.start, ENTERED
        for name, step in follow.entered:
            if step == self._flows[name].start:
                yield name, step, ENTERED
        yield from follow.taken


def coverage_lines(coverage: Coverage, *, is_whole: bool = True) -> Iterator[str]:
    """Unless `is_whole`, some scenarios were not played, so outcomes never taken are omitted."""
    if not coverage.flows:
        return
    width = max(len(name) for name in coverage.flows)
    yield "outcomes taken:"
    for name, flow in coverage.flows.items():
        taken = f"{percent(flow.percent):>7}  {flow.taken:4} of {len(flow.outcomes):<4}"
        if flow.lines.all:
            taken = f"lines {len(flow.lines.run)} of {len(flow.lines.all)}"
        yield f"  {name:<{width}}  {taken}".rstrip()
    missing = coverage.missing if is_whole else ()
    if missing:
        yield ""
        yield "never taken:"
    for outcome in missing:
        yield f"  {outcome.place.file}:{outcome.place.line}  {outcome.flow}: {outcome.step}: {outcome.name}"
    partly_run = [(name, flow) for name, flow in coverage.flows.items() if is_whole and flow.lines.never]
    if partly_run:
        yield ""
        yield "never run:"
    for name, flow in partly_run:
        for first, last in flow.lines.never:
            yield f"  {flow.path}:{first}  {name}: {f'line {first}' if first == last else f'lines {first}-{last}'}"


def percent(value: float) -> str:
    """A value below 100 is never rounded up to 100 %."""
    return "100 %" if value >= 100 else f"{min(value, 99.9):.1f} %"
