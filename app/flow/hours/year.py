"""A calendar in one year: open time, exceptional dates, clock changes, gaps and overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Literal

from app.flow.hours.calendar import DAY_MINUTES, Calendar, Span, Spans, merged, offset_at, offset_changes
from app.flow.hours.holidays import FIRST_YEAR, LAST_YEAR

_MARGIN = timedelta(days=400)
"""How far beyond the year the ends of a gap are searched. A longer gap is cut at the year's first or last day."""


@dataclass(frozen=True, slots=True)
class ExceptionalDates:
    """Dates, `first` to `last`, with a holiday or override instead of the hours of their day of the week (`usual`)."""

    first: date
    last: date
    spans: Spans
    usual: Spans
    reason: Literal["holiday", "override"]
    name: str


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clocks go from `before` to `after`, in local time; `minutes` is how much longer it is open because of it."""

    before: datetime
    after: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is open from `first` to `last`."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Overlap:
    """The hours of the day before overlap those of `day`; `span` is the time that both have."""

    day: date
    span: Span


@dataclass(frozen=True, slots=True)
class Year:
    """A year of a calendar.

    Attributes:
        open_minutes: elapsed time in the whole year.
        open_days: days on which hours begin.
        exceptions: every holiday and override.
        gaps: days in a row on which nothing is open, where they are more than in a usual week.
        is_known: whether public holidays are known for the year; True when the calendar uses none.
    """

    year: int
    open_minutes: int
    open_days: int
    exceptions: tuple[ExceptionalDates, ...]
    clock_changes: tuple[ClockChange, ...]
    gaps: tuple[Gap, ...]
    overlaps: tuple[Overlap, ...]
    is_known: bool


def summarise(calendar: Calendar, year: int) -> Year:
    """The year by the clocks of the calendar's zone."""
    days = list(_days(date(year, 1, 1), date(year, 12, 31)))
    start, end = (datetime(each, 1, 1, tzinfo=calendar.zone) for each in (year, year + 1))
    seconds = sum(opening.end - opening.start for opening in calendar.openings(start, end))
    return Year(
        year,
        seconds // 60,
        sum(bool(calendar.spans_on(day)) for day in days),
        tuple(_exceptions(calendar, days)),
        tuple(_clock_changes(calendar, year)),
        tuple(_gaps(calendar, year)),
        tuple(_overlaps(calendar, days)),
        not calendar.sources or FIRST_YEAR <= year <= LAST_YEAR,
    )


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _exceptions(calendar: Calendar, days: list[date]) -> Iterator[ExceptionalDates]:
    """Every holiday and override; dates in a row with the same reason, name and hours are merged."""
    for rule, run in groupby(days, lambda day: _exception(calendar, day)):
        if rule is not None:
            dates = list(run)
            usual = calendar.week[dates[0].weekday()]
            yield ExceptionalDates(dates[0], dates[-1], rule[1], usual, rule[0], rule[2])


def _exception(calendar: Calendar, day: date) -> tuple[Literal["holiday", "override"], Spans, str] | None:
    """Why a date does not have its usual hours, the hours that it has, and its name; None for a usual date."""
    if day in calendar.override:
        return "override", calendar.override[day].spans, calendar.holiday_on(day)
    return ("holiday", (), calendar.holiday_on(day)) if day in calendar.holidays else None


def _clock_changes(calendar: Calendar, year: int) -> Iterator[ClockChange]:
    for change in (each for around in (year - 1, year, year + 1) for each in offset_changes(calendar.zone, around)):
        old = offset_at(calendar.zone, change.at - 1)
        before, after = _local_time(change.at + old), _local_time(change.at + change.offset)
        if before.year != year:
            continue
        low, high = sorted((change.at + old, change.at + change.offset))
        minutes = sum(opening.end - opening.start for opening in merged(calendar.local_openings(low, high))) // 60
        yield ClockChange(before, after, minutes if after < before else -minutes)


def _local_time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def _gaps(calendar: Calendar, year: int) -> Iterator[Gap]:
    usual = _usual_gap(calendar)
    first, last = date(year, 1, 1), date(year, 12, 31)
    for is_open, run in groupby(_days(first - _MARGIN, last + _MARGIN), lambda day: _is_open_on(calendar, day)):
        gap = list(run)
        if not is_open and len(gap) > usual and gap[0] <= last and gap[-1] >= first:
            begin = first if gap[0] == first - _MARGIN else gap[0]
            yield Gap(begin, last if gap[-1] == last + _MARGIN else gap[-1])


def _usual_gap(calendar: Calendar) -> int:
    """The longest run of closed days in a usual week; 7 when every day is closed."""
    into_next = [any(span.end > DAY_MINUTES for span in spans) for spans in calendar.week]
    flags = [bool(spans) or into_next[day - 1] for day, spans in enumerate(calendar.week)]
    closed = "".join("o" if flag else "c" for flag in flags * 2)
    return min(7, max(map(len, closed.split("o"))))


def _is_open_on(calendar: Calendar, day: date) -> bool:
    before = calendar.spans_on(day - timedelta(days=1))
    return bool(calendar.spans_on(day)) or any(span.end > DAY_MINUTES for span in before)


def _overlaps(calendar: Calendar, days: list[date]) -> Iterator[Overlap]:
    for day in days:
        late = max((span.end for span in calendar.spans_on(day - timedelta(days=1))), default=0) - DAY_MINUTES
        for span in calendar.spans_on(day):
            if span.start < late:
                yield Overlap(day, Span(span.start, min(late, span.end)))
