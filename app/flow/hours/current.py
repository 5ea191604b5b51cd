"""What a flow sees of opening hours: `hours.office.open`, `.reason`, `.next_open`, ..."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from app.flow.hours.calendar import Calendar, Opening
from app.flow.types import DATETIME, TYPES, ValueType, record, words

LOOKAHEAD_DAYS: Final = 400
"""How far ahead the next opening is searched: more than a year, so that one day a year is found."""

Reason = Literal["open", "closed", "holiday", "override"]

_TYPE = record(
    {
        "open": TYPES["bool"],
        "reason": words("open", "closed", "holiday", "override"),
        "holiday": TYPES["text"],
        "next_open": DATETIME,
        "next_close": DATETIME,
        "reopens": TYPES["bool"],
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class CurrentHours(Mapping[str, Any]):
    """A calendar at one moment. Each field is computed when it is read.

    - `open`: whether it is open now.
    - `reason`: `open`; while it is closed `override` on a date that has one, `holiday` on a holiday, else `closed`.
    - `holiday`: the name of today's override, else of today's holiday, else "". Also while it is open.
    - `next_open`: when it goes from closed to open the next time; while it is open, the time after this one.
    - `next_close`: when it goes from open to closed the next time.
    - `reopens`: whether it is open or opens within 400 days.

    The times are in the calendar's zone. A time that is more than 400 days away is missing for a flow (None in the
    map); the attribute is then the time in 400 days.
    """

    calendar: Calendar
    now: datetime

    def __getitem__(self, name: str) -> Any:
        if name not in _TYPE.fields:
            raise KeyError(name)
        found = getattr(self, name)
        return None if found == self.horizon else found

    def __iter__(self) -> Iterator[str]:
        return iter(_TYPE.fields)

    def __len__(self) -> int:
        return len(_TYPE.fields)

    @property
    def open(self) -> bool:
        """Whether it is open now."""
        return self.calendar.is_open(self.now)

    @property
    def reason(self) -> Reason:
        """Why it is open or closed."""
        if self.open:
            return "open"
        today = self.now.astimezone(self.calendar.zone).date()
        if today in self.calendar.override:
            return "override"
        return "holiday" if today in self.calendar.holidays else "closed"

    @property
    def holiday(self) -> str:
        """The name of today's override or holiday; "" on most days."""
        return self.calendar.holiday_on(self.now.astimezone(self.calendar.zone).date())

    @property
    def next_open(self) -> datetime:
        """When it opens the next time."""
        ahead = self._openings_ahead()
        if self.open:
            next(ahead)
        opening = next(ahead, None)
        return self.calendar.local_datetime(opening.start) if opening else self.horizon

    @property
    def next_close(self) -> datetime:
        """When it closes the next time."""
        opening = next(self._openings_ahead(), None)
        return self.calendar.local_datetime(opening.end) if opening else self.horizon

    @property
    def reopens(self) -> bool:
        """Whether it is open, or opens within 400 days."""
        return next(self._openings_ahead(), None) is not None

    @property
    def horizon(self) -> datetime:
        """The moment in 400 days, to the second."""
        ahead = self.now.replace(microsecond=0) + timedelta(days=LOOKAHEAD_DAYS)
        return ahead.astimezone(self.calendar.zone)

    def _openings_ahead(self) -> Iterator[Opening]:
        """Every opening from now on; the first one is cut off at its beginning when it is open now."""
        return self.calendar.openings(self.now, self.horizon)


def hours_view(calendars: Mapping[str, Calendar], now: datetime) -> Mapping[str, CurrentHours]:
    """The name `hours` of a turn: each calendar by its name, at `now`, an aware datetime."""
    return {name: CurrentHours(calendar, now) for name, calendar in calendars.items()}


def hours_type(calendars: Iterable[str]) -> ValueType:
    """The type of the name `hours`: a record for each of the names."""
    return record(dict.fromkeys(calendars, _TYPE))
