"""Counts outcomes: what can be taken, what was, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.flow.model import Flow
from app.verify.coverage.taken import Flows, KeptLine, Name, lines_of
from app.verify.outcomes import Outcome
from app.verify.scenarios.result import Result


@dataclass(frozen=True, slots=True)
class FlowCoverage:
    """The coverage of one flow.

    Attributes:
        outcomes: every one, with how many calls have taken it.
        error_exits: the same of the exits that only faults take; they do not count towards `percent`.
    """

    flow: Flow
    outcomes: Mapping[Outcome, int]
    error_exits: Mapping[Outcome, int]

    @property
    def taken(self) -> int:
        """How many outcomes were taken."""
        return sum(1 for count in self.outcomes.values() if count)

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """Those that were never taken, in the order of the file."""
        return tuple(outcome for outcome, count in self.outcomes.items() if not count)

    @property
    def percent(self) -> float:
        """0 to 100; a flow has one outcome at least."""
        return 100 * self.taken / len(self.outcomes)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of all flows of a project, by name."""

    flows: Mapping[str, FlowCoverage]

    @property
    def outcomes(self) -> int:
        """How many there are."""
        return sum(len(flow.outcomes) for flow in self.flows.values())

    @property
    def taken(self) -> int:
        """How many were taken."""
        return sum(flow.taken for flow in self.flows.values())

    @property
    def percent(self) -> float:
        """Of all flows together, 0 to 100."""
        return 100 * self.taken / self.outcomes if self.outcomes else 100.0

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """Those that were never taken, by flow."""
        return tuple(outcome for flow in self.flows.values() for outcome in flow.missing)


class Tally:
    """Counts call after call."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._flows = Flows(flows)
        self._counts: dict[Name, int] = {}
        self._lines: dict[bytes, tuple[KeptLine, ...]] = {}

    def add(self, result: Result) -> None:
        """Count what the calls of a scenario have taken, each outcome once."""
        found: set[Name] = set()
        for record in result.records:
            for turn in record.turns:
                found.update(self._flows.taken(self._read(turn.trace)))
            found.update(self._flows.connected(record.session, record.statuses))
        for name in found:
            self._counts[name] = self._counts.get(name, 0) + 1

    def _read(self, trace: bytes) -> tuple[KeptLine, ...]:
        """Most turns are alike: each trace is read once."""
        if trace not in self._lines:
            self._lines[trace] = lines_of(trace)
        return self._lines[trace]

    def coverage(self) -> Coverage:
        """What has been counted so far, by the names of the flows."""
        flows = self._flows
        return Coverage(
            {
                name: FlowCoverage(flow, self._counted(flows.outcomes[name]), self._counted(flows.error_exits[name]))
                for name, flow in sorted(flows.flows.items())
            }
        )

    def _counted(self, outcomes: Iterable[Outcome]) -> dict[Outcome, int]:
        return {outcome: self._counts.get(Name(*outcome[:3]), 0) for outcome in outcomes}
