"""`timezone:` of a calendar."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from app.flow.hours.literal import is_literal
from app.flow.hours.zones import find_zone, known_zones
from app.flow.language.reader import Reader
from app.flow.nodes import Text
from app.ncco.suggest import nearest

_OFFSET = re.compile(r"(?:GMT|UTC|Z)?\s*[+-]\s*[0-9:]+", re.IGNORECASE)
_FIXED = re.compile(r"EST|MST|Etc/GMT[+-].*")
_COMMON = {
    "bst": "Europe/London",
    "cest": "Europe/Berlin",
    "mez": "Europe/Berlin",
    "mesz": "Europe/Berlin",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "edt": "America/New_York",
    "cst": "America/Chicago",
    "cdt": "America/Chicago",
    "mdt": "America/Denver",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney",
}
_CITY_OF_FIXED = {"EST": "America/New_York", "MST": "America/Denver"}


def read_zone(text: Text, what: str, reader: Reader) -> ZoneInfo | None:
    """The value of `timezone`; E500 when there is no such zone, W523 when it has no summer time by mistake."""
    if not is_literal(text, f"`timezone` of {what}", reader):
        return None
    zone = find_zone(text.value)
    if zone is None:
        reader.report("E500", text.place, f'{what} names the unknown time zone "{text.value}"', _zone_cure(text.value))
    elif _FIXED.fullmatch(text.value):
        message = f"{text.value} never changes its clocks{_behind(text.value)}"
        city = _CITY_OF_FIXED.get(text.value, "Europe/London")
        reader.report("W523", text.place, message, f"name the zone of a city, such as {city}")
    return zone


def _behind(name: str) -> str:
    sign = name.removeprefix("Etc/GMT")[:1]
    return {"+": ", and is behind UTC in spite of its plus", "-": ", and is ahead of UTC in spite of its minus"}.get(
        sign, ""
    )


def _zone_cure(name: str) -> str:
    if name.casefold() in _COMMON:
        return f'did you mean "{_COMMON[name.casefold()]}"?'
    if _OFFSET.fullmatch(name):
        return "name the zone of a city, which knows when its clocks change, such as Europe/London"
    known = known_zones()
    near = nearest(name.replace(" ", "_"), known)
    if near is None:
        cities = {zone.rpartition("/")[2]: zone for zone in reversed(known) if "/" in zone}
        city = nearest(name.replace(" ", "_").rpartition("/")[2], cities)
        near = cities[city] if city else None
    return f'did you mean "{near}"?' if near else "write continent and city as the IANA does, such as Europe/London"
