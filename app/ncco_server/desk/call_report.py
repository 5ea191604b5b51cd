"""Counts the calls of a period."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cache
from math import ceil
from typing import Any, Final

from ncco_server.desk.exports import csv_text
from ncco_server.results import RESULTS
from ncco_server.service.call_results import count_results
from ncco_server.store import Records, SummedCalls

COUNTED: Final = tuple(name for name in RESULTS if name != "answered")

COLUMNS: Final = ("by", "name", "calls", "minutes", *COUNTED, "person_median_s", "person_p90_s")

COLOURS: Final[Mapping[str, str]] = {
    **{"person": "green", "message": "cyan", "own": "blue", "served": "blue"},
    **{"missed": "red", "lost": "yellow", "unknown": "yellow"},
}
"""Of results, in a terminal."""

MOST_NAMES: Final = 1_000
"""The remaining flows and called numbers are counted as `other`."""

FORGOTTEN: Final = "deleted"
"""The reason of missed calls that are no longer stored."""

DAYS: Final = 7
"""The default of a report, up to today."""


@dataclass(slots=True)
class CallCounts:
    """Counts of a group of calls.

    `ms` is the duration of calls with a known end; `until_person` counts calls by the seconds, rounded down, until a
    person answered.
    """

    ms: int = 0
    results: Counter[str] = field(default_factory=Counter)
    until_person: Counter[int] = field(default_factory=Counter)

    @property
    def document(self) -> dict[str, Any]:
        """A percentile is None if no person answered."""
        return {
            "calls": self.results.total(),
            "minutes": round(self.ms / 60_000, 1),
            **{name: self.results[name] for name in COUNTED},
            "person_median_s": percentile(self.until_person, 0.5),
            "person_p90_s": percentile(self.until_person, 0.9),
        }

    def add(self, calls: SummedCalls) -> None:
        self.results[calls.result] += calls.calls
        self.ms += calls.ms
        if calls.until_s >= 0:
            self.until_person[calls.until_s] += calls.calls


def percentile(counts: Counter[int], share: float) -> int | None:
    """`share` is from 0 to 1, by nearest rank; None if there are no values."""
    left = ceil(share * counts.total())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to before `end`. Raises ValueError if there are none."""

    first: date
    end: date
    zone: tzinfo

    def __post_init__(self) -> None:
        if self.first >= self.end:
            raise ValueError(f"there are no days in this period: {self.first} is after {self.last}")

    @property
    def last(self) -> date:
        return self.end - timedelta(1)

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Since 1970; the end is exclusive."""
        since, until = (datetime.combine(day, time(), self.zone).timestamp() for day in (self.first, self.end))
        return int(since * 1000), int(until * 1000)

    @property
    def document(self) -> dict[str, str]:
        return {"from": str(self.first), "to": str(self.last), "timezone": str(self.zone)}


def read_period(first: date | None, last: date | None, zone: tzinfo, now: datetime) -> Period:
    try:
        end = (last or now.astimezone(zone).date()) + timedelta(1)
        return Period(first or end - timedelta(DAYS), end, zone)
    except OverflowError:
        raise ValueError("its days are not in the calendar") from None


@dataclass(frozen=True, slots=True)
class CallReport:
    """A period's counts: of all, of each flow, called number, own result, and reason of missed calls.

    Those with most calls come first. The reasons of calls that are deleted are not known: see `FORGOTTEN`.
    """

    period: Period
    rows: list[dict[str, Any]]
    days: Mapping[date, Counter[str]]
    hours: Counter[int]

    @property
    def document(self) -> dict[str, Any]:
        return {**self.period.document, "rows": self.rows}

    @property
    def csv(self) -> str:
        return csv_text(COLUMNS, self.rows)


async def count_calls(
    records: Records, period: Period, now_ms: int, flow: str = "", *, has_reasons: bool = True
) -> CallReport:
    """`flow` is the one that the calls began in. Raises StoreError.

    `has_reasons`: whether missed calls are counted by reason, which reads each of them.
    """
    counted = await count_results(records, *period.milliseconds, now_ms, flow)
    tallies = defaultdict[tuple[str, str], CallCounts](CallCounts, {("all", ""): CallCounts()})
    for calls in sorted(counted.calls, key=lambda call: -call.calls):
        groups = [("all", ""), ("flow", calls.flow), ("number", calls.line)]
        for by, name in [*groups, ("result", calls.own)] if calls.own else groups:
            known = name if (by, name) in tallies or len(tallies) <= MOST_NAMES else "other"
            tallies[by, known].add(calls)
    missed = tallies["all", ""].results["missed"] if has_reasons else 0
    if missed:
        for reason, number, ms in await records.missed_by_reason(*period.milliseconds, flow):
            tallies["missed", reason] = CallCounts(ms, Counter(missed=number))
            missed -= number
    if missed > 0:
        tallies["missed", FORGOTTEN] = CallCounts(0, Counter(missed=missed))
    days = defaultdict[date, Counter[str]](Counter)
    hours = Counter[int]()

    @cache
    def local(at_ms: int) -> tuple[Counter[str], int]:
        began = datetime.fromtimestamp(at_ms / 1000, period.zone)
        return days[began.date()], began.hour

    for (at_ms, result), number in counted.quarters.items():
        day, hour = local(at_ms)
        day[result] += number
        hours[hour] += number
    rows = [{"by": by, "name": name, **tally.document} for (by, name), tally in tallies.items()]
    rows.sort(key=lambda row: (row["by"], -row["calls"], row["name"]))
    return CallReport(period, rows, days, hours)
