"""Reads a calendar's `holidays:` and its `override:`.

A date is `2026-12-24`; a range, `2026-12-24..2027-01-01`, includes both dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, ClassVar, Final

from ncco_server.flow.grammar.forms import TEXT, Notation, listed
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import Reader, has_braces
from ncco_server.flow.hours.calendar import Spans, SpecialHours
from ncco_server.flow.hours.public_holidays import dates_from_json, dates_to_json, known_country, library_dates
from ncco_server.flow.hours.weekly import CLOSED, read_spans, span_of
from ncco_server.flow.issues import meant_word, write_one_of
from ncco_server.flow.nodes import Entry, Map, Node, Seq, Text, is_missing

MAX_DAYS: Final = 366
MIN_YEAR, MAX_YEAR = 2000, 2100
"""Limits of a range in days and of a date; our choice, to detect typing errors."""
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXAMPLE: Final = "write `holidays: {country: GB}`, or a list of dates: `holidays: [2026-12-24]`"


class Region(MapForm):
    """A country or a part of it, with its public holidays."""

    cures: ClassVar = {"country": "write `country: GB`"}
    is_named: ClassVar = True

    country: str
    """The country's two-letter code, such as GB."""
    subdivision: str = ""
    """A part of the country, such as ENG."""
    language: str = ""
    """The language of the holidays' names."""

    @property
    def path(self) -> str:
        """Such as `calendars/GB-ENG.json`."""
        key = "-".join(filter(None, (self.country, self.subdivision)))
        key = f"{key}.{self.language}" if self.language else key
        return f"calendars/{re.sub(r'[^A-Za-z0-9_.-]', '_', key)}.json"


@dataclass(frozen=True, slots=True)
class Holidays:
    """Single dates with their names ("" for none), and regions."""

    own: dict[date, str] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)


def read_name(node: Node, what: str, reader: Reader) -> str | None:
    """E501 for hours, which belong under `override`, and for what would have to be computed in each call."""
    text = reader.text(node, what)
    if text is not None and (text.value == CLOSED or span_of(text.value) or has_braces(text)):
        cure = "write a name; hours of a date are written under `override`"
        reader.report("E501", text.place, f'{what} cannot be "{text.value}"', cure)
        return None
    return text.value.strip() if text is not None else None


class SpecialDate(MapForm):
    """An entry of `override` with a name."""

    cures: ClassVar = {"hours": "write `hours: closed`, or `hours: 09:00-12:00`"}
    is_named: ClassVar = True

    hours: Annotated[Spans, Notation(read_spans, listed(TEXT))]
    name: Annotated[str, Notation(read_name, TEXT)] = ""


def read_holidays(node: Node, what: str, reader: Reader) -> Holidays:
    holidays = Holidays()
    if isinstance(node, Text):
        reader.report("E201", node.place, f"{what} is a text", _EXAMPLE)
        return holidays
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Seq):
            reader.report("E201", item.place, f"an entry of {what} is a list", _EXAMPLE)
        elif isinstance(item, Text):
            _read_own(item, "", holidays, what, reader)
        elif item.get("country") is not None or not any(entry.key.value[:1].isdigit() for entry in item.entries):
            words = Region.read_words(item, what, reader)
            region = Region.build(words, reader)
            if region is not None and not any(map(is_missing, words.values.values())):
                holidays.regions.append(region)
        else:
            for entry in item.entries:
                name = read_name(entry.value, f"the name of {entry.key.value} in {what}", reader)
                _read_own(entry.key, name or "", holidays, what, reader)
    return holidays


def region_dates(region: Region, computed: Mapping[str, str], reader: Reader) -> tuple[Mapping[date, str], str] | None:
    """The dates, and their text for a flow's sources.

    They are read from `computed` (path → text) if it has them. None if the library does not know the country, the
    subdivision or the language (E508).
    """
    text = computed.get(region.path, "")
    found = dates_from_json(text)
    if found is not None:
        return found, text
    known = known_country(region.country)
    if known is None:
        message = f'{region.written.what}: "{region.country}" is not a country whose holidays are known'
        reader.report("E508", region.written.values["country"].place, message)
        return None
    for word, names, more in (
        ("subdivision", known.subdivisions, known.subdivisions_aliases),
        ("language", known.supported_languages, ()),
    ):
        value = getattr(region, word)
        if value and value not in (*names, *more):
            message = f'{region.written.what}: {region.country} has no {word} "{value}"'
            listed = write_one_of(names) if names else f"delete `{word}`"
            reader.report(
                "E508", region.written.values[word].place, message, meant_word(value, (*names, *more), listed)
            )
            return None
    found = library_dates(region.country, region.subdivision, region.language)
    return found, dates_to_json(found)


def read_override(node: Node, what: str, reader: Reader) -> Mapping[date, SpecialHours]:
    """A date or a range of dates → hours, or `{hours: closed, name: Inventory}`."""
    found = reader.map(node, what, "write `override: {2026-12-24: 09:00-12:00}`")
    override: dict[date, SpecialHours] = {}
    for entry in found.entries if found else ():
        days = _new_dates(entry.key, override, what, reader)
        override |= dict.fromkeys(days, _read_special(entry, f"{what}, {entry.key.value}", reader))
    return override


def _read_special(entry: Entry, what: str, reader: Reader) -> SpecialHours:
    """Closed if the hours cannot be read."""
    if not isinstance(entry.value, Map):
        return SpecialHours(read_spans(entry.value, what, reader), "", entry.key.place)
    words = SpecialDate.read(entry.value, what, reader, place=entry.key.place)
    return SpecialHours(words.hours, words.name, entry.key.place) if words else SpecialHours(())


def _read_own(text: Text, name: str, holidays: Holidays, what: str, reader: Reader) -> None:
    holidays.own.update(dict.fromkeys(_new_dates(text, holidays.own, what, reader), name))


def _new_dates(text: Text, seen: Mapping[date, object], what: str, reader: Reader) -> list[date]:
    """The dates that are not in `seen`; E506 reports a text that is no date or range, and a repeated date."""
    begin, dots, end = text.value.partition("..")
    first = _date(begin)
    last = _date(end) if dots else first
    if first is None or last is None:
        reader.report("E506", text.place, f'{what}: "{text.value}" is not a date')
        return []
    length = (last - first).days + 1
    if not 0 < length <= MAX_DAYS:
        wrong = "ends before it begins" if length < 1 else f"has {length} days, more than {MAX_DAYS}"
        reader.report(
            "E506", text.place, f"{what}: {text.value} {wrong}", "write the first date, two dots and the last"
        )
        return []
    days = [first + timedelta(days=day) for day in range(length)]
    if repeated := [day for day in days if day in seen]:
        reader.report("E506", text.place, f"{what}: {repeated[0]} is written twice", "delete one of the two")
    return [day for day in days if day not in seen]


def _date(written: str) -> date | None:
    try:
        day = date.fromisoformat(written.strip()) if _DATE.fullmatch(written.strip()) else None
    except ValueError:  # such as the 30th of February
        return None
    return day if day is not None and MIN_YEAR <= day.year <= MAX_YEAR else None
