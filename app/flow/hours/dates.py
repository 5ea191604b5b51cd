"""Dates as an author writes them: `2026-12-24`, or `2026-12-24..2027-01-01` from the first to the last of them."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta

from app.flow.language.reader import Reader
from app.flow.nodes import Place, Text

MAX_DAYS = 366
FIRST, LAST = 2000, 2100
"""Years that a date may have, and days that a range may have; our choice, so that a slip of the pen is found."""

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ISO_LOOSE = re.compile(r"([0-9]{4})[-./ ]?([0-9]{1,2})[-./ ]?([0-9]{1,2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})\s*[-./]\s*([0-9]{1,2})\s*[-./]\s*([0-9]{4})")
_NO_YEAR = re.compile(r"-{0,2}([0-9]{1,2})[-./]([0-9]{1,2})\.?")
_DAY_AND_MONTH = re.compile(r"(?:[0-9]{1,2}[a-z.]{0,2}\s*)?([A-Za-z]{3})[a-z]*\.?(?:\s*[0-9]{1,2})?")
_IN_WORDS = re.compile(
    r"(?:([0-9]{1,2})(?:st|nd|rd|th|\.)?\s+)?([A-Za-z]{3})[a-z]*\.?\s+(?:([0-9]{1,2}),?\s+)?([0-9]{4})"
)
_RANGE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})\s*(?:-|\.\.\.|\u2026|\u2013|\u2014|/|to|until|bis)\s*([0-9]{4}-[0-9]{2}-[0-9]{2})"
)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SHORT = tuple(month[:3].lower() for month in _MONTHS)
_EXAMPLE = "write year-month-day, such as 2026-12-24"


def read_dates(text: Text, what: str, reader: Reader) -> tuple[date, ...]:
    """The date, or each date of a range; none when it cannot be read.

    E506: not a date, or not in the years 2000 to 2100. E511: a range that ends before it begins, or that is longer
    than 366 days.
    """
    parts = text.value.split("..") if "..." not in text.value else [text.value]
    if len(parts) > 2:
        reader.report("E506", text.place, f'{what}: "{text.value}" is not a date', _cure(text.value))
        return ()
    found: list[date | None] = []
    offset = 0
    for part in parts:
        blanks = len(part) - len(part.lstrip())
        place = text.at(offset + blanks, max(len(part.strip()), 1))
        found.append(_read_date(part.strip(), place, what, reader))
        offset += len(part) + 2
    first, last = found[0], found[-1]
    if first is None or last is None:
        return ()
    return _days(first, last, text, what, reader)


def unseen(dates: tuple[date, ...], seen: Mapping[date, object], text: Text, what: str, reader: Reader) -> list[date]:
    """The dates that are not there yet; E507 tells the first one that is."""
    doubled = [day for day in dates if day in seen]
    if doubled:
        reader.report("E507", text.place, f"{what}: {doubled[0]} stands twice", "delete one of the two")
    return [day for day in dates if day not in seen]


def _days(first: date, last: date, text: Text, what: str, reader: Reader) -> tuple[date, ...]:
    length = (last - first).days + 1
    if length < 1:
        message = f"{what}: {text.value} ends before it begins"
        reader.report("E511", text.place, message, f"write {last}..{first}")
        return ()
    if length > MAX_DAYS:
        message = f"{what}: {text.value} are {length} days; at most {MAX_DAYS} can be named at once"
        reader.report("E511", text.place, message, "what lasts longer is another `week`; write it so")
        return ()
    return tuple(first + timedelta(days=day) for day in range(length))


def _read_date(value: str, place: Place, what: str, reader: Reader) -> date | None:
    found = _DATE.fullmatch(value)
    if found is None:
        reader.report("E506", place, f'{what}: "{value}" is not a date', _cure(value))
        return None
    year, month, day = map(int, found.groups())
    if not FIRST <= year <= LAST:
        message = f"{what}: the year {found[1]} is not one of {FIRST} to {LAST}"
        reader.report("E506", place, message, "correct the year")
        return None
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        reader.report("E506", place, f"{what}: there is no {value}", _impossible_cure(year, month, day))
        return None
    return date(year, month, day)


def _impossible_cure(year: int, month: int, day: int) -> str:
    if 12 < month <= 31 and 1 <= day <= 12:
        return f"the month stands in the middle: {year}-{day:02}-{month:02}"
    if not 1 <= month <= 12:
        return "a month is 01 to 12"
    return f"{_MONTHS[month - 1]} {year} has {monthrange(year, month)[1]} days"


def _cure(value: str) -> str:
    """What to write instead, as far as it can be told."""
    if found := _RANGE.fullmatch(value):
        return f"write {found[1]}..{found[2]}"
    if found := _ISO_LOOSE.fullmatch(value):
        return _written(*map(int, found.groups()))
    if found := _DAY_FIRST.fullmatch(value):
        first, second, year = map(int, found.groups())
        both = first <= 12 and second <= 12 and first != second and "." not in value
        return _EXAMPLE if both else _written(year, *((first, second) if second > 12 else (second, first)))
    if (found := _IN_WORDS.fullmatch(value)) and found[2].lower() in _SHORT:
        return _written(int(found[4]), _SHORT.index(found[2].lower()) + 1, int(found[1] or found[3] or 0))
    named = _DAY_AND_MONTH.fullmatch(value)
    if _NO_YEAR.fullmatch(value) or (named and named[1].lower() in _SHORT):
        return "write the year as well: 2026-12-24, and another line for the next year"
    return _EXAMPLE


def _written(year: int, month: int, day: int) -> str:
    try:
        return f"write {date(year, month, day)}"
    except ValueError:
        return _EXAMPLE
