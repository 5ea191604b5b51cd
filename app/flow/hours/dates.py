"""Dates as an author writes them: `2026-12-24`, or `2026-12-24..2027-01-01` from the first to the last of them."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, ClassVar, Final

from app.flow.hours.calendar import Spans, Special
from app.flow.hours.weekly import read_spans
from app.flow.language.base import FlowModel, ReadWith
from app.flow.language.json_schema import TEXT, listed
from app.flow.language.reader import Reader
from app.flow.nodes import Entry, Map, Node, Place, Text

MAX_DAYS: Final = 366
FIRST, LAST = 2000, 2100
"""Days that a range may have, and years that a date may have; our choice, so that a slip of the pen is found."""

_RANGE: Final = re.compile(r"((?:(?!\.\.).)*)\.\.(?!\.)((?:(?!\.\.).)*)")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})[-./ ]?([0-9]{1,2})[-./ ]?([0-9]{1,2})(?:[T ].*)?")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})\s*[-./]\s*([0-9]{1,2})\s*[-./]\s*([0-9]{4})")
_NO_YEAR: Final = re.compile(r"-{0,2}[0-9]{1,2}[-./][0-9]{1,2}\.?|[0-9]{1,2}\.? [A-Za-z]+|[A-Za-z]+ [0-9]{1,2}")
_TWO_DATES: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\W+(?:\w+\s+)?([0-9]{4}-[0-9]{2}-[0-9]{2})")
_EXAMPLE: Final = "write year-month-day, such as 2026-12-24"


def read_dates(text: Text, what: str, reader: Reader) -> tuple[date, ...]:
    """The date, or each date of a range; none when it cannot be read.

    E506: not a date, or not in the years 2000 to 2100. E511: a range that ends before it begins, or that is longer
    than 366 days.
    """
    found = _RANGE.fullmatch(text.value)
    if found is None and ".." in text.value:
        reader.report("E506", text.place, f'{what}: "{text.value}" is not a date', _cure(text.value))
        return ()
    if found is None:
        day = _read_date(text.value, 0, text, what, reader)
        return () if day is None else (day,)
    first, last = (_read_date(found[part], found.start(part), text, what, reader) for part in (1, 2))
    if first is None or last is None:
        return ()
    days = (last - first).days + 1
    if days < 1:
        reader.report("E511", text.place, f"{what}: {text.value} ends before it begins", f"write {last}..{first}")
        return ()
    if days > MAX_DAYS:
        message = f"{what}: {text.value} has {days} days, more than {MAX_DAYS}"
        reader.report("E511", text.place, message, "write what lasts longer as another `week`")
        return ()
    return tuple(first + timedelta(days=day) for day in range(days))


def new_dates(dates: tuple[date, ...], seen: Mapping[date, object], text: Text, what: str, reader: Reader) -> set[date]:
    """The dates that are not there yet; E507 names the first one that is."""
    doubled = [day for day in dates if day in seen]
    if doubled:
        reader.report("E507", text.place, f"{what}: {doubled[0]} is written twice", "delete one of the two")
    return {day for day in dates if day not in seen}


class SpecialDate(FlowModel):
    """An entry of `override` with a name."""

    aliases: ClassVar = {
        **dict.fromkeys(("open", "times", "spans", "time", "week"), "hours"),
        **dict.fromkeys(("reason", "title", "label", "holiday", "text"), "name"),
    }
    hints: ClassVar = dict.fromkeys(
        ("from", "to", "start", "end", "opens", "closes"), "write both times as `hours: 09:00-12:00`"
    )
    cures: ClassVar = {"hours": "write `hours: closed`, or `hours: 09:00-12:00`"}
    is_named: ClassVar = True

    hours: Annotated[Spans, ReadWith(read_spans, listed(TEXT))] = ()
    name: str = ""


def read_override(node: Node, what: str, reader: Reader) -> Mapping[date, Special]:
    """The map under `override`: a date or a range of them → hours, or `{hours: closed, name: Inventory}`."""
    found = reader.map(node, what, "write `override: {2026-12-24: 09:00-12:00}`")
    override: dict[date, Special] = {}
    for entry in found.entries if found else ():
        days = read_dates(entry.key, what, reader)
        special = _read_special(entry, f"{what}, {entry.key.value}", reader)
        override |= dict.fromkeys(new_dates(days, override, entry.key, what, reader), special)
    return override


def _read_special(entry: Entry, what: str, reader: Reader) -> Special:
    """What holds on the dates of an entry; closed when it cannot be read."""
    if not isinstance(entry.value, Map):
        return Special(read_spans(entry.value, what, reader) or ())
    words = SpecialDate.parse(entry.value, what, reader, place=entry.key.place)
    return Special(words.hours, words.name.strip()) if words else Special(())


def _read_date(value: str, offset: int, text: Text, what: str, reader: Reader) -> date | None:
    """The date that is written from `offset` of a text on."""
    written = value.strip()
    place = text.at(offset + len(value) - len(value.lstrip()), max(len(written), 1))
    found = _DATE.fullmatch(written)
    if found is None:
        reader.report("E506", place, f'{what}: "{written}" is not a date', _cure(written))
        return None
    year, month, day = map(int, found.groups())
    if FIRST <= year <= LAST and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]:
        return date(year, month, day)
    _report_impossible(place, (year, month, day), f"{what}: there is no {written}", reader)
    return None


def _report_impossible(place: Place, parts: tuple[int, int, int], message: str, reader: Reader) -> None:
    year, month, day = parts
    if not FIRST <= year <= LAST:
        cure = f"write a year from {FIRST} to {LAST}"
    elif 12 < month <= 31 and 1 <= day <= 12:
        cure = f"the month comes before the day: write {year}-{day:02}-{month:02}"
    elif not 1 <= month <= 12:
        cure = "write a month from 01 to 12"
    else:
        cure = f"that month has {monthrange(year, month)[1]} days"
    reader.report("E506", place, message, cure)


def _cure(value: str) -> str:
    """What to write instead, as far as it can be told."""
    if found := _TWO_DATES.fullmatch(value):
        return f"write {found[1]}..{found[2]}"
    if found := _YEAR_FIRST.fullmatch(value):
        return _written(*map(int, found.groups()))
    if found := _DAY_FIRST.fullmatch(value):
        first, second, year = map(int, found.groups())
        is_ambiguous = first <= 12 and second <= 12 and first != second and "." not in value
        return _EXAMPLE if is_ambiguous else _written(year, *((first, second) if second > 12 else (second, first)))
    if _NO_YEAR.fullmatch(value):
        return "write the year as well: 2026-12-24, and another line for the next year"
    return _EXAMPLE


def _written(year: int, month: int, day: int) -> str:
    try:
        return f"write {date(year, month, day)}"
    except ValueError:
        return _EXAMPLE
