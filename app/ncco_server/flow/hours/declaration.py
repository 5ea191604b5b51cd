"""Reads the map under `hours:`: calendars by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import date, datetime
from typing import Annotated, ClassVar, Final
from zoneinfo import ZoneInfo

from ncco_server.flow.grammar.forms import TEXT, Notation, about, listed, named, ref
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.hours.calendar import NEVER, Calendar, SpecialHours, Week
from ncco_server.flow.hours.holidays import (
    Holidays,
    Region,
    SpecialDate,
    read_holidays,
    read_override,
    region_dates,
)
from ncco_server.flow.hours.public_holidays import FIRST_YEAR
from ncco_server.flow.hours.timezone import read_zone
from ncco_server.flow.hours.weekly import DAYS, read_week
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Entry, Node, Place, Text
from ncco_server.flow.scope import NAME, RESERVED
from ncco_server.flow.zones import find_zone
from ncco_server.ncco.value_types import JsonSchema

_EXAMPLE: Final = "write `hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}`"
_UTC: Final = ZoneInfo("UTC")
_UTC_NAMES: Final = frozenset({"GMT", "UTC", "Etc/GMT", "Etc/UTC", "Zulu", "Etc/Zulu", "Greenwich"})

_DAY: Final = about(listed(TEXT), "09:00-12:00, a list of these, or closed.")
_WEEK: Final = named(_DAY, names=(*DAYS, "mon-fri", "sat,sun"))
_OVERRIDE: Final = named({"if": {"type": "object"}, "then": ref("special_date"), "else": listed(TEXT)})
_HOLIDAY: Final[JsonSchema] = {
    "if": {"required": ["country"], "type": "object"},
    "then": ref("region"),
    "else": {"anyOf": [TEXT, named(TEXT)]},
}
_HOLIDAYS: Final[JsonSchema] = {"anyOf": [_HOLIDAY, {"type": "array", "items": _HOLIDAY}]}

SCHEMAS: Final[Mapping[str, type[MapForm]]] = {"region": Region, "special_date": SpecialDate}
"""By the names that the calendar's schema uses."""


class HoursWords(MapForm):
    """One entry of `hours`."""

    cures: ClassVar = {
        "timezone": "write `timezone: Europe/London`",
        "week": "write `week: {mon-fri: 09:00-17:30}`",
    }
    is_named: ClassVar = True

    zone: Annotated[ZoneInfo, Notation(read_zone, TEXT)] = written_as("timezone", default=_UTC)
    """The time zone of the hours, such as Europe/London."""
    week: Annotated[Week, Notation(read_week, _WEEK)] = NEVER
    """Days with their hours, such as mon-fri: 09:00-17:30."""
    holidays: Annotated[Holidays, Notation(read_holidays, _HOLIDAYS)] = field(default_factory=Holidays)
    """Closed days: {country: GB}, dates, or a list of both."""
    override: Annotated[Mapping[date, SpecialHours], Notation(read_override, _OVERRIDE)] = field(default_factory=dict)
    """Single dates with hours that override week and holidays."""


def read_hours(node: Node, reader: Reader, dates: Mapping[str, str]) -> dict[str, Calendar]:
    """Return invalid calendars too, closed wherever they cannot be read, so that no further issues arise.

    `dates` (path → text) may contain holidays computed earlier (`Calendar.sources`).
    """
    found = reader.map(node, "`hours`", _EXAMPLE)
    entries = found.entries if found else ()
    calendars: dict[str, Calendar] = {}
    for entry in entries:
        reader.check_name(entry.key, "hours", NAME, "use letters, digits and _", taken=RESERVED)
        calendars[entry.key.value] = _read_calendar(entry, reader, dates)
    return calendars


def _read_calendar(entry: Entry, reader: Reader, dates: Mapping[str, str]) -> Calendar:
    name = entry.key.value
    place = entry.key.place
    what = f'hours "{name}"'
    empty = Calendar(name, _UTC, NEVER, {}, {}, place)
    node = reader.map(entry.value, what, _EXAMPLE)
    words = HoursWords.build(HoursWords.read_words(node, what, reader, place=place), reader) if node else None
    if words is None:
        return empty
    computed: dict[date, str] = {}
    sources: dict[str, str] = {}
    for region in words.holidays.regions:
        if found := region_dates(region, dates, reader):
            computed = {**found[0], **computed}
            sources[region.path] = found[1]
    _check_summer_time(words, reader)
    own = {day: name or computed.get(day, "") for day, name in words.holidays.own.items()}
    calendar = Calendar(name, words.zone, words.week, computed | own, words.override, place, sources)
    _check_openings(calendar, reader)
    return calendar


def _check_summer_time(words: HoursWords, reader: Reader) -> None:
    """Report W523 for UTC if the clocks of the holidays' country change."""
    countries = {region.country for region in words.holidays.regions}
    written = words.written.get("timezone")
    if not isinstance(written, Text) or written.value not in _UTC_NAMES:
        return
    for country in sorted(countries):
        territories = importlib.import_module("babel.core").get_global("territory_zones")  # slow to import
        zones = [zone for name in territories.get(country, ()) if (zone := find_zone(name)) is not None]
        if zones and all(map(_changes_clocks, zones)):
            message = f"the clocks in {words.zone.key} never change, but in {country} they do"
            reader.report("W523", written.place, message)
            return


def _changes_clocks(zone: ZoneInfo) -> bool:
    return len({datetime(FIRST_YEAR, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}) > 1


def _check_openings(calendar: Calendar, reader: Reader) -> None:
    """Report W522 if every weekday is closed, so that nothing opens after the last open `override`."""
    if any(calendar.week):
        return
    last = max((day for day, special in calendar.override.items() if special.spans), default=None)
    message = f'the hours "{calendar.name}" never open' + (f" after {last}" if last else "")
    reader.report("W522", calendar.place, message)


def check_overrides(calendars: Iterable[Calendar], today: date) -> Iterator[FlowIssue]:
    """Report W524 for each `override` entry whose dates are all before `today`."""
    last: dict[tuple[Place, str], date] = {}
    for calendar in calendars:
        for day, special in sorted(calendar.override.items()):
            if special.place is not None:
                last[special.place, calendar.name] = day
    for (place, name), day in last.items():
        if day < today:
            yield RULES["W524"].at(place, f'this override of the hours "{name}" ended on {day}')
