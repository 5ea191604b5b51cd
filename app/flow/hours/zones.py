"""Time zones by their names, and when their clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from app.flow.language.reader import Reader, is_missing
from app.flow.nodes import Node
from app.ncco.suggest import nearest

_SAMPLE_S: Final = 43_200
_OF_THE_HOST: Final = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*")
"""Names that a host may know beside those of the time zone database."""
_OFFSET: Final = re.compile(r"(?:GMT|UTC|Z)?\s*[+-]\s*[0-9:]+", re.IGNORECASE)
_FIXED: Final = re.compile(r"EST|MST|Etc/GMT[+-].*")
_ABBREVIATIONS: Final = {
    "bst": "Europe/London",
    "cest": "Europe/Berlin",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    **dict.fromkeys(("est", "edt"), "America/New_York"),
    **dict.fromkeys(("cst", "cdt"), "America/Chicago"),
    **dict.fromkeys(("mst", "mdt"), "America/Denver"),
    **dict.fromkeys(("pst", "pdt"), "America/Los_Angeles"),
    **dict.fromkeys(("aest", "aedt"), "Australia/Sydney"),
}


class Piece(NamedTuple):
    """From `start` to before `end` (seconds since 1970 in UTC) the clocks are `offset` seconds ahead of UTC."""

    start: int
    end: int
    offset: int


class Change(NamedTuple):
    """From `at` (seconds since 1970 in UTC) on, the clocks are `offset` seconds ahead of UTC."""

    at: int
    offset: int


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name in the time zone database (IANA); None when there is none."""
    if _OF_THE_HOST.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_zone(node: Node, what: str, reader: Reader) -> ZoneInfo | None:
    """The value of `timezone`; E500 when there is no such zone, W523 when it has no summer time by mistake."""
    text = reader.text(node, what)
    if text is None or is_missing(text):
        return None
    zone = find_zone(text.value)
    if zone is None:
        reader.report("E500", text.place, f'{what} is the unknown "{text.value}"', _cure(text.value))
    elif _FIXED.fullmatch(text.value):
        city = _ABBREVIATIONS.get(text.value.casefold(), "Europe/London")
        message = f"the clocks of {text.value} never change"
        if sign := text.value.removeprefix("Etc/GMT")[:1].strip("EM"):
            message += f", and are {'behind' if sign == '+' else 'ahead of'} UTC in spite of the {sign}"
        reader.report("W523", text.place, message, f"name the zone of a city, such as {city}")
    return zone


def _cure(name: str) -> str:
    if name.casefold() in _ABBREVIATIONS:
        return f'did you mean "{_ABBREVIATIONS[name.casefold()]}"?'
    if _OFFSET.fullmatch(name):
        return "name the zone of a city, which knows when its clocks change, such as Europe/London"
    known = sorted(zone for zone in available_timezones() if not _OF_THE_HOST.fullmatch(zone))
    near = nearest(name.replace(" ", "_"), known)
    if near is None:
        cities = {zone.rpartition("/")[2]: zone for zone in reversed(known) if "/" in zone}
        city = nearest(name.replace(" ", "_").rpartition("/")[2], cities)
        near = cities[city] if city else None
    return f'did you mean "{near}"?' if near else "write continent and city as the IANA does, such as Europe/London"


def pieces(zone: ZoneInfo, start: int, end: int) -> Iterator[Piece]:
    """The time from `start` to `end`, cut where the clocks of the zone change."""
    at, offset = start, offset_at(zone, start)
    for year in range(_year(start), _year(end) + 1):
        for change in changes(zone, year):
            if at < change.at < end:
                yield Piece(at, change.at, offset)
                at, offset = change
    yield Piece(at, end, offset)


@lru_cache(maxsize=512)
def changes(zone: ZoneInfo, year: int) -> tuple[Change, ...]:
    """When the clocks of a zone change in a year (UTC). Two changes less than twelve hours apart may be missed."""
    found: list[Change] = []
    before = _new_year(year) - 1
    offset = offset_at(zone, before)
    for sample in range(before + _SAMPLE_S, _new_year(year + 1), _SAMPLE_S):
        now = offset_at(zone, sample)
        if now != offset:
            found.append(Change(_turn(zone, before, sample), now))
        before, offset = sample, now
    return tuple(found)


def _turn(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second with the offset that `high` has; `low` has another one."""
    after = offset_at(zone, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if offset_at(zone, middle) == after else (middle, high)
    return high


def offset_at(zone: ZoneInfo, at: int) -> int:
    """By how many seconds the clocks are ahead of UTC at a moment (seconds since 1970 in UTC)."""
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _year(at: int) -> int:
    return datetime.fromtimestamp(at, UTC).year


def _new_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
