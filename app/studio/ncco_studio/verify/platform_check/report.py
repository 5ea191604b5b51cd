"""What a check has found: a table, a file of settings, and a report that can be published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from ncco_server.version import VERSION
from ncco_studio.simulator.assumptions import Assumption, assumptions
from ncco_studio.verify.platform_check.journal import Observation

Ranked: TypeAlias = Sequence[tuple[Any, int]]
"""Values with how often each was seen, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one assumption.

    Attributes:
        seen: what most runs have seen; None without a single such value.
        times: number of runs that have seen it.
        of: number of runs that have seen anything.
    """

    assumption: Assumption
    seen: Any
    times: int
    of: int

    @property
    def is_confirmed(self) -> bool:
        return self.seen is not None and self.seen == self.assumption.default

    @property
    def differs(self) -> bool:
        return self.seen is not None and self.seen != self.assumption.default

    @property
    def source(self) -> str:
        basis = self.assumption.basis
        return f"{basis.source or 'none'}; against it: {basis.against}" if basis.against else basis.source or "none"


def most_seen(observations: Iterable[Observation]) -> tuple[Evidence, ...]:
    """Of each assumption, in order: the value that most runs have seen."""
    return findings_of(
        (pair for each in observations for pair in each.seen.items()),
        lambda ranked: len(ranked) == 1 or ranked[0][1] > ranked[1][1],
    )


def findings_of(seen: Iterable[tuple[str, Any]], is_clear: Callable[[Ranked], bool]) -> tuple[Evidence, ...]:
    """Of each assumption, in order; `is_clear` says whether the first of its values counts."""
    counts: dict[str, Counter[Any]] = {name: Counter() for name in assumptions()}
    for name, value in seen:
        counts[name][value] += 1
    found = []
    for name, assumption in assumptions().items():
        ranked = counts[name].most_common()
        value, times = ranked[0] if ranked and is_clear(ranked) else (None, 0)
        found.append(Evidence(assumption, value, times, counts[name].total()))
    return tuple(found)


def rows_of(findings: Sequence[Evidence]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, assumed, seen, how often, and source: differences first, unseen last."""
    for finding in sorted(findings, key=lambda found: (not found.differs, not found.is_confirmed)):
        seen = "-" if finding.seen is None else str(finding.seen)
        hidden = finding.assumption.basis.hidden
        times = (
            f"{finding.times} of {finding.of}" if finding.of else f"cannot be seen: {hidden}" if hidden else "not seen"
        )
        yield finding.assumption.name, str(finding.assumption.default), seen, times, finding.source


def platform_yaml(findings: Sequence[Evidence], day: date) -> str:
    """A file of settings with everything that was seen."""
    lines = [
        f"# What the platform did on {day}, as `ncco platform-check` {VERSION} has seen it.",
        "# With NCCO_PLATFORM, the simulator, tests, proofs and `ncco vonage` use it.",
    ]
    for finding in findings:
        if finding.seen is not None:
            note = "as assumed" if finding.is_confirmed else f"assumed: {finding.assumption.default}"
            lines += [
                f"# {finding.assumption.question}",
                f"{finding.assumption.name}: {finding.seen}  # {finding.times} of {finding.of}, {note}",
            ]
    return "\n".join([*lines, ""])


def public_report(findings: Sequence[Evidence], day: date) -> str:
    """A report without numbers, keys and content, in Markdown."""
    seen = [finding for finding in findings if finding.seen is not None]
    differing = [each for each in seen if each.differs]
    head = (
        f"# What Vonage's Voice API did on {day}\n\n"
        f"`ncco platform-check` {VERSION} asked {len(findings)} questions: {len(seen)} were answered, {len(differing)} "
        "otherwise than assumed.\n\n"
        "| question | assumed | seen | times | source of the assumption |\n|---|---|---|---|---|\n"
    )
    rows = []
    for name, assumed, value, times, source in rows_of(findings):
        question = assumptions()[name].question
        rows.append(f"| {question} `{name}` | {assumed} | {value} | {times} | {source} |\n")
    return head + "".join(rows)
