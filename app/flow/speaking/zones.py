"""Points in time as the clocks of a place show them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from app.flow.speaking.spoken import point_of


def in_zone(value: object, language: str, zone: object) -> datetime:
    """`value` by the clocks of `zone`, `Europe/London`; a text without an offset is taken as told by them already."""
    moment = point_of(value)
    if not isinstance(moment, datetime):
        raise ValueError("a date and a time are needed, such as 2026-03-05T09:30")
    place = _zone(zone)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=place)
    try:
        return moment.astimezone(place)
    except OverflowError:
        raise ValueError("a point in time from the year 1 to 9999 is needed") from None


def is_zone(name: str) -> bool:
    """Whether there is such a time zone."""
    try:
        _zone(name)
    except ValueError:
        return False
    return True


def known_zones() -> frozenset[str]:
    """The names of all time zones of this machine; they are gathered from its files, which takes a while."""
    return frozenset(available_timezones())


def _zone(name: object) -> ZoneInfo:
    if not isinstance(name, str):
        raise ValueError("the name of a time zone is needed, such as Europe/London")
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("the name of a time zone is needed, such as Europe/London") from None
