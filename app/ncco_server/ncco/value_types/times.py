"""Dates, times of day, and points in time, in ISO 8601."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import ClassVar, Final, Self, TypeAlias
from zoneinfo import ZoneInfo

from ncco_server.ncco.value_types.kind import BeyondLimit, JsonSchema, Kind
from ncco_server.ncco.value_types.scalars import write

Point: TypeAlias = datetime | date | time

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?!24)\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d(:?\d\d)?)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OTHER_YEAR: Final = re.compile(r"(?:0000|\d{5,6})-\d\d-\d\d(?:[T ].*)?", re.ASCII)
_TIME: Final = re.compile(r"(?!24)\d\d?:\d\d(:\d\d)?", re.ASCII)
"""Python 3.14 reads 24:00 as 00:00."""


def point_of(value: object) -> Point | None:
    """None for anything but `2026-03-05T09:30`, `2026-03-05` or `09:30`, such as the 30th of February."""
    if isinstance(value, datetime | date | time):
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text)
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _TIME.fullmatch(text):
            return time.fromisoformat(text if text[1] != ":" else f"0{text}")
    except ValueError:
        return None
    return None


def in_utc(moment: datetime) -> datetime | None:
    """None if it is not in the calendar there.

    Python compares two points in time in the same zone by their clocks, which repeat an hour every autumn.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


class _Timed(Kind):
    begins_unknown = True
    is_timed = True
    point: ClassVar[type[date | time]]

    def operand(self, value: object) -> object:
        """Anything else, such as "" or a token, is unchanged."""
        try:
            return self.point.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            return value


@dataclass(frozen=True)
class Date(_Timed):
    """A date of the Gregorian calendar: `2026-03-05`."""

    name = family = "date"
    point = date
    described = "a date"
    sample = "2026-03-05"
    input_type = "date"

    def cast(self, value: object) -> str:
        """A point in time has a different date in each time zone."""
        point = point_of(value)
        if isinstance(point, date) and not isinstance(point, datetime):
            return write(point)
        _check_year(value, self.described)
        raise ValueError("a date is needed, such as 2026-03-05")

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "date"}


@dataclass(frozen=True)
class TimeOfDay(_Timed):
    """Without a date or a time zone: `09:30`, `09:30:15`."""

    name = family = "time"
    point = time
    described = "a time of day"
    sample = "09:30"
    input_type = "time"

    def cast(self, value: object) -> str:
        """Leave out seconds that are 0."""
        point = point_of(value)
        if isinstance(point, time):
            return write(point.replace(microsecond=0))
        raise ValueError("a time of day is needed, such as 09:30")

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"}


@dataclass(frozen=True)
class PointInTime(_Timed):
    """A date with a time of day in a time zone, such as `now`.

    Values are converted to `zone`, in which those without an offset are. Without a zone, a value keeps its offset, and
    needs one.
    """

    zone: str = ""

    name = family = "datetime"
    point = datetime
    described = "a point in time"
    input_type = "datetime-local"

    @property
    def sample(self) -> str:
        return self.cast("2026-01-05T09:30+00:00")

    def with_zone(self, zone: str) -> Self:
        return replace(self, zone=zone)

    def cast(self, value: object) -> str:
        """Refuse an hour that the clocks skip. In one that they repeat, the first is meant."""
        point = point_of(value)
        if not isinstance(point, datetime):
            _check_year(value, self.described)
            raise ValueError("a point in time is needed, such as 2026-03-05T09:30")
        if point.tzinfo is None and not self.zone:
            raise ValueError(
                "a point in time with a UTC offset is needed, such as 2026-03-05T09:30+00:00, if there is no `timezone`"
            )
        written = point
        zone = ZoneInfo(self.zone) if self.zone else None
        moment = in_utc(point.replace(tzinfo=zone) if point.tzinfo is None else point)
        try:
            point = moment.astimezone(zone) if moment is not None and zone is not None else point
        except OverflowError:
            moment = None
        if moment is None:
            raise _other_year(self.described)
        if written.tzinfo is None and point.replace(tzinfo=None) != written:
            raise ValueError(f"a time that exists is needed: the clocks in {self.zone} skip this one")
        return write(point)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{_MOMENT.pattern}$"} if self.zone else _WITH_OFFSET


_WITH_OFFSET: Final[JsonSchema] = {"type": "string", "format": "date-time"}


def _check_year(value: object, described: str) -> None:
    """Raises BeyondLimit for a year without a calendar."""
    if isinstance(value, str) and _OTHER_YEAR.fullmatch(value.strip()):
        raise _other_year(described)


def _other_year(described: str) -> BeyondLimit:
    return BeyondLimit("is outside of the years 1 to 9999", f"{described} from the year 1 to 9999 is needed")
