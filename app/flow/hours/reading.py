"""The map under `hours:`: calendars by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from app.flow.hours.calendar import Calendar
from app.flow.hours.days import NEVER, is_day, read_week
from app.flow.hours.holidays import Holidays, read_holidays
from app.flow.hours.literal import has_gaps, is_missing
from app.flow.hours.override import read_override
from app.flow.hours.timezone import read_zone
from app.flow.language.reader import Reader, fallen_out, read_fields
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.scope import RESERVED

WORDS = ("timezone", "week", "holidays", "override")
_ALIASES = {
    **dict.fromkeys(("tz", "zone"), "timezone"),
    **dict.fromkeys(("days", "weekly", "schedule", "hours", "opening_hours"), "week"),
    **dict.fromkeys(("exceptions", "except", "special", "specials", "dates"), "override"),
}
_HINTS = {
    **dict.fromkeys(("country", "subdivision"), "write it under `holidays`: {country: GB}"),
    "closed": "write dates that are closed under `holidays`: [2026-12-24]",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE = "write `hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}`"


def read_hours(node: Node, reader: Reader, dates: Mapping[str, str]) -> dict[str, Calendar]:
    """The calendars that the map under `hours:` describes, by name.

    What is faulty is reported and comes all the same, closed where it cannot be read, so that what uses it is not
    faulty as well. `dates` are texts by path; where the computed holidays of a calendar are among them
    (`calendar_sources` gives them), they are taken from there.
    """
    found = reader.map(node, "`hours`", _EXAMPLE)
    entries = found.entries if found else ()
    fallen = fallen_out(entries, lambda entry: entry.key.value in WORDS)
    calendars: dict[str, Calendar] = {}
    for entry in entries:
        if entry.key.value not in fallen:
            _check_name(entry.key, reader)
            calendars[entry.key.value] = _read_calendar(entry, reader, dates)
    return calendars


def calendar_sources(calendars: Iterable[Calendar] | Mapping[str, Calendar]) -> dict[str, str]:
    """Path → text of the computed dates that the calendars are made of: a part of the revision of what uses them."""
    each = calendars.values() if isinstance(calendars, Mapping) else calendars
    return {path: text for calendar in each for path, text in calendar.sources.items()}


def _check_name(name: Text, reader: Reader) -> None:
    if not _NAME.fullmatch(name.value):
        tidied = re.sub(r"[^A-Za-z0-9_]+", "_", name.value).strip("_")
        example = f", e.g. {tidied}" if _NAME.fullmatch(tidied) else ""
        message = f'hours cannot be named "{name.value}"'
        reader.report("E205", name.place, message, f"use letters, digits and _{example}")
    elif name.value in RESERVED:
        reader.report("E206", name.place, f'"{name.value}" is a word of the flow language')


def _read_calendar(entry: Entry, reader: Reader, dates: Mapping[str, str]) -> Calendar:
    name, key = entry.key.value, entry.key
    what = f'hours "{name}"'
    empty = Calendar(name, ZoneInfo("UTC"), NEVER, {}, {}, key.place)
    if is_missing(entry.value):
        return empty
    if not isinstance(entry.value, Map):
        reader.map(entry.value, what, _EXAMPLE)
        return empty
    before = len(reader.issues)
    hints = _HINTS | _of_days(entry.value)
    fields = read_fields(entry.value, WORDS, what, reader, place=key.place, hints=hints, aliases=_ALIASES)
    zone_node = fields.need("timezone", "write `timezone: Europe/London`", reader)
    week_node = fields.need("week", "write `week: {mon-fri: 09:00-17:30}`", reader)
    zone_text = reader.text(zone_node, f"`timezone` of {what}") if zone_node is not None else None
    zone = read_zone(zone_text, what, reader) if zone_text and not is_missing(zone_text) else None
    week = read_week(week_node, what, reader) if week_node is not None else NEVER
    holidays_node, override_node = fields.get("holidays"), fields.get("override")
    holidays = read_holidays(holidays_node, what, reader, dates) if holidays_node is not None else Holidays()
    override = read_override(override_node, what, reader) if override_node is not None else {}
    calendar = Calendar(name, zone or empty.zone, week, holidays.by_date, override, key.place, holidays.sources)
    if not has_gaps(entry.value) and not any(issue.is_error for issue in reader.issues[before:]):
        _check_openings(calendar, reader)
    return calendar


def _of_days(node: Map) -> dict[str, str]:
    """Hints for days and dates that stand beside `week` and `override` instead of in them."""
    keys = node.keys()
    days = {key.lower(): f"write it under `week`: {{{key}: 09:00-17:30}}" for key in keys if is_day(key)}
    dates = {key: f"write it under `override`: {{{key}: 09:00-12:00}}" for key in keys if key[:1].isdigit()}
    return days | dates


def _check_openings(calendar: Calendar, reader: Reader) -> None:
    """W522: a week that is closed. Only single dates are open then, and they come to an end."""
    if any(calendar.week):
        return
    last = max((day for day, special in calendar.override.items() if special.spans), default=None)
    message = f'hours "{calendar.name}" never open' + (f" after {last}" if last else "")
    cure = "name the days that are open under `week`, e.g. mon-fri: 09:00-17:30"
    if last:
        cure += f"; or ask hours.{calendar.name}.reopens before you tell next_open"
    reader.report("W522", calendar.place, message, cure)
