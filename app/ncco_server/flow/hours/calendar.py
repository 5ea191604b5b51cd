"""Opening hours: a week, holidays and single dates in a time zone, and the values that a flow gets."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from ncco_server.flow.nodes import Place
from ncco_server.ncco.value_types import DATETIME, TYPES, Kind, Word, record

DAY_MINUTES: Final = 1440
DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HALF_DAY_S: Final = 43_200


class Span(NamedTuple):
    """Open from minute `start` of a day up to, but excluding, minute `end`; over 1440 is on the next day."""

    start: int
    end: int


class Opening(NamedTuple):
    """Open from `start` up to, but excluding, `end`: seconds since 1970 in UTC."""

    start: int
    end: int


class OffsetPeriod(NamedTuple):
    """From `start` until before `end` (seconds since 1970 in UTC), the clocks are `offset` seconds ahead of UTC."""

    start: int
    end: int
    offset: int


Spans: TypeAlias = tuple[Span, ...]
Week: TypeAlias = tuple[Spans, ...]

NEVER: Final[Week] = ((),) * 7

_TYPE = record(
    {
        "open": TYPES["bool"],
        "reason": Word(("open", "closed", "holiday", "override")),
        "holiday": TYPES["text"],
        "next_open": DATETIME,
        "next_close": DATETIME,
        "reopens": TYPES["bool"],
    }
)


class ByHand(NamedTuple):
    """What somebody (`by`) decided for the time from `start` until before `end` (seconds since 1970 in UTC)."""

    is_open: bool
    start: int
    end: int
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """The hours of one date in `override`; `spans` is () if it is closed."""

    spans: Spans
    name: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Named opening hours.

    A date has the hours of its `override`; otherwise it is closed on a holiday, or else has the hours of its day of the
    week. Hours past midnight belong to the day on which they start. Times are local: one that a clock change skips does
    not occur, and one that occurs twice counts twice. What was decided by hand comes before all of these.

    Attributes:
        type: of the value that a flow gets.
        holidays: date → name of the holiday; "" if it has none.
        sources: path → text of its computed holiday dates.
        by_hand: the later ones come first.
    """

    type: ClassVar[Kind] = _TYPE

    name: str
    zone: ZoneInfo
    week: Week
    holidays: Mapping[date, str]
    override: Mapping[date, SpecialHours]
    place: Place
    sources: Mapping[str, str] = field(default_factory=dict)
    by_hand: tuple[ByHand, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Another file's hours may have the same name."""
        return self.place.file, self.name

    def with_hand(self, by_hand: Iterable[ByHand]) -> Calendar:
        return replace(self, by_hand=tuple(by_hand))

    def at(self, now: datetime) -> CurrentHours:
        """The value that a flow gets in a turn at `now` (aware)."""
        return CurrentHours(self, now)

    def spans_on(self, day: date) -> Spans:
        special = self.override.get(day)
        if special is not None:
            return special.spans
        return () if day in self.holidays else self.week[day.weekday()]

    def decided(self, now: datetime) -> ByHand | None:
        """What somebody decided by hand for this moment."""
        return next((each for each in self.by_hand if each.start <= seconds(now) < each.end), None)

    def is_open(self, now: datetime) -> bool:
        if decided := self.decided(now):
            return decided.is_open
        wall = now.astimezone(self.zone)
        today = wall.date()
        minute = wall.hour * 60 + wall.minute
        if any(span.start <= minute < span.end for span in self.spans_on(today)):
            return True
        yesterday = today - timedelta(days=1)
        return any(minute + DAY_MINUTES < span.end for span in self.spans_on(yesterday))

    def holiday_on(self, day: date) -> str:
        """The name of the day's override or else holiday; "" if neither has one."""
        special = self.override.get(day)
        return (special.name if special else "") or self.holidays.get(day, "")

    def openings(self, start: datetime, end: datetime) -> Iterator[Opening]:
        """Sorted and cut to the range; adjoining hours are merged."""
        first, last = seconds(start), seconds(end)
        found = merged(self._openings(first, last))
        for each in reversed(self.by_hand):
            cut = Opening(max(each.start, first), min(each.end, last))
            if cut.start < cut.end:
                found = merged(heapq.merge(found, [cut])) if each.is_open else _without(found, cut)
        return found

    def local_openings(self, low: int, high: int) -> Iterator[Opening]:
        """All times are seconds since 1970-01-01 00:00 in local time."""
        for day in range(low // DAY_S - 1, -(-high // DAY_S)):
            for span in self.spans_on(date.fromordinal(day + _EPOCH)):
                start = max(day * DAY_S + span.start * 60, low)
                end = min(day * DAY_S + span.end * 60, high)
                if start < end:
                    yield Opening(start, end)

    def local_datetime(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, self.zone)

    def _openings(self, start: int, end: int) -> Iterator[Opening]:
        """Sorted by start; they may adjoin or overlap."""
        for period in offset_periods(self.zone, start, end):
            for local in self.local_openings(period.start + period.offset, period.end + period.offset):
                yield Opening(local.start - period.offset, local.end - period.offset)


def _without(openings: Iterable[Opening], closed: Opening) -> Iterator[Opening]:
    for opening in openings:
        if opening.start < closed.start:
            yield Opening(opening.start, min(opening.end, closed.start))
        if opening.end > closed.end:
            yield Opening(max(opening.start, closed.end), opening.end)


def merged(openings: Iterable[Opening]) -> Iterator[Opening]:
    """Merge adjoining or overlapping openings, sorted by start."""
    current: Opening | None = None
    for opening in openings:
        if current is None or opening.start > current.end:
            if current is not None:
                yield current
            current = opening
        elif opening.end > current.end:
            current = Opening(current.start, opening.end)
    if current is not None:
        yield current


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY_S + since.seconds


_AHEAD: Final = ""
"""The key of what no field is."""
LOOKAHEAD_DAYS: Final = 400
"""More than a year: a calendar may open only once a year."""

Reason = Literal["open", "closed", "holiday", "override"]


@dataclass(frozen=True, slots=True, eq=False)
class CurrentHours(Mapping[str, Any]):
    """A calendar at one moment. Each field is computed once, when a flow first reads it.

    - `reason`: `open` while it is open; otherwise `override` if it was closed by hand or on a date with an override,
      `holiday` on a holiday, and `closed` on other days.
    - `holiday`: the reason given by hand, or else the name of today's override, or of today's holiday, or "". Also set
      while the calendar is open.
    - `next_open`: when the calendar next goes from closed to open. While it is open, this is the opening after the
      current one.
    - `next_close`: when the calendar next goes from open to closed.
    - `reopens`: whether the calendar is open, or opens within 400 days.

    The times are in the calendar's zone. A time more than 400 days away is None in the map of a flow, and the time 400
    days from now in the attribute.
    """

    calendar: Calendar
    now: datetime
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Any:
        if name not in _TYPE.fields:
            raise KeyError(name)
        if name not in self._known:  # a text may read it in a loop
            found = getattr(self, name)
            is_beyond = isinstance(found, datetime) and found == self.horizon
            self._known[name] = None if is_beyond else found
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_TYPE.fields)

    def __len__(self) -> int:
        return len(_TYPE.fields)

    @property
    def open(self) -> bool:
        return self.calendar.is_open(self.now)

    @property
    def reason(self) -> Reason:
        if self.open:
            return "open"
        today = self.now.astimezone(self.calendar.zone).date()
        if today in self.calendar.override or self.calendar.decided(self.now) is not None:
            return "override"
        return "holiday" if today in self.calendar.holidays else "closed"

    @property
    def told(self) -> str:
        """What was decided by hand, in words; "" if nothing was."""
        decided = self.calendar.decided(self.now)
        if decided is None:
            return ""
        until = self.calendar.local_datetime(decided.end)
        words = f"{'open' if decided.is_open else 'closed'} by hand until {until:%Y-%m-%d %H:%M}"
        return f"{words}: {decided.reason}" if decided.reason else words

    @property
    def holiday(self) -> str:
        decided = self.calendar.decided(self.now)
        if decided is not None and decided.reason:
            return decided.reason
        return self.calendar.holiday_on(self.now.astimezone(self.calendar.zone).date())

    @property
    def next_open(self) -> datetime:
        ahead = self._ahead[1:] if self.open else self._ahead
        return self.calendar.local_datetime(ahead[0].start) if ahead else self.horizon

    @property
    def next_close(self) -> datetime:
        return self.calendar.local_datetime(self._ahead[0].end) if self._ahead else self.horizon

    @property
    def reopens(self) -> bool:
        return bool(self._ahead)

    @property
    def horizon(self) -> datetime:
        ahead = self.now.replace(microsecond=0) + timedelta(days=LOOKAHEAD_DAYS)
        return ahead.astimezone(self.calendar.zone)

    @property
    def _ahead(self) -> Sequence[Opening]:
        """The next two openings; one that has already begun is cut to start now."""
        if _AHEAD not in self._known:
            self._known[_AHEAD] = tuple(islice(self.calendar.openings(self.now, self.horizon), 2))
        found: Sequence[Opening] = self._known[_AHEAD]
        return found


# when it changes


def changes(calendars: Iterable[Calendar], now: datetime) -> Iterator[datetime]:
    """`now`, and one second after each opening and closing, on the coming days and around special days, in UTC.

    Also the beginnings of what is decided by hand.
    """
    yield now
    for calendar in calendars:
        today = now.astimezone(calendar.zone).date()
        days = {today + timedelta(days=ahead) for ahead in range(LOOKAHEAD_DAYS)}
        yield from (datetime.fromtimestamp(each.start, UTC) for each in calendar.by_hand)
        days.update(day + timedelta(days=step) for day in special_days(calendar) for step in (-1, 0, 1))
        for day in sorted(days):
            spans = calendar.spans_on(day)
            minutes = {0, *(span.start for span in spans), *(span.end for span in spans)} - {DAY_MINUTES}
            yield from (_after(calendar, day, minute) for minute in minutes)


def special_days(calendar: Calendar) -> tuple[date, ...]:
    return (*calendar.holidays, *calendar.override)


def _after(calendar: Calendar, day: date, minute: int) -> datetime:
    start = datetime.combine(day, time(0), calendar.zone)
    return (start + timedelta(minutes=minute)).replace(second=1).astimezone(UTC)


def offset_periods(zone: ZoneInfo, start: int, end: int) -> Iterator[OffsetPeriod]:
    """One for each half day, or two if the clocks change. Of two changes in it, one may be missed."""
    for low in range(start, end, _HALF_DAY_S):
        high = min(low + _HALF_DAY_S, end)
        before, after = offset_at(zone, low), offset_at(zone, high - 1)
        change = low
        if before != after:
            change += bisect_left(range(low, high), True, key=lambda at: offset_at(zone, at) == after)
            yield OffsetPeriod(low, change, before)
        yield OffsetPeriod(change, high, after)


def offset_at(zone: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
