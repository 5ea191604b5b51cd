"""Outcome coverage for a person: per flow in percent, and each outcome that no call has taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.verify.coverage.count import Coverage


def told_coverage(coverage: Coverage, rename: Callable[[str], str], *, is_whole: bool = True) -> Iterator[str]:
    """Lines without colours: a table of the flows, then what is missing, if all scenarios were played (`is_whole`)."""
    if not coverage.flows:
        return
    width = max(len(name) for name in coverage.flows)
    yield "outcomes taken:"
    for name, flow in coverage.flows.items():
        exits = len(flow.error_exits)
        faulty = f"   error exits {sum(map(bool, flow.error_exits.values()))} of {exits}" if exits else ""
        taken = f"{flow.taken:4} of {len(flow.outcomes):<4}"
        yield f"  {name:<{width}}  {percent(flow.percent):>7}  {taken}{faulty}".rstrip()
    missing = coverage.missing if is_whole else ()
    if missing:
        yield ""
        yield "never taken:"
    for outcome in missing:
        where = f"{rename(outcome.place.file)}:{outcome.place.line}"
        yield f"  {where}  {outcome.flow}: {outcome.step}: {outcome.name}"


def percent(value: float) -> str:
    """A percentage that is 100 % only when nothing is missing."""
    return "100 %" if value >= 100 else f"{min(value, 99.9):.1f} %"
