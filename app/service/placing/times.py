"""Decides when a call may be placed: within opening hours, and not at night in any possible time zone of the number."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

from app.flow.hours.calendar import Calendar, hours_view

QUIET_FROM: Final = time(21)
QUIET_UNTIL: Final = time(8)
"""Quiet hours in each zone of the called number. Our own choice: many countries allow calls from 8 or 9 to 20 or 21."""
MOST_DAYS: Final = 60
"""How far ahead to look for a suitable moment."""

_NIGHT: Final = timedelta(hours=24 - QUIET_FROM.hour)


@lru_cache(maxsize=4096)
def zones_of(number: str) -> tuple[ZoneInfo, ...]:
    """Every time zone that a number may be in; () if unknown. For a number that is not in use, the zones of its prefix.

    Args:
        number: digits with the country code.
    """
    try:
        parsed = phonenumbers.parse(f"+{number}")
        found = time_zones_for_number(parsed)
        if UNKNOWN_TIMEZONE in found:
            found = time_zones_for_geographical_number(parsed)
        return tuple(ZoneInfo(name) for name in found if name != UNKNOWN_TIMEZONE)
    except (phonenumbers.NumberParseException, ZoneInfoNotFoundError):
        return ()


def next_moment(now: datetime, zones: tuple[ZoneInfo, ...], calendar: Calendar | None) -> datetime | None:
    """The first moment from `now` on that is outside the quiet hours of all zones and within the calendar.

    Args:
        now: aware.
        zones: those whose quiet hours count; () for none.
        calendar: opening hours; None for any time.

    Returns:
        The moment in UTC; `now` itself if it is suitable; None if there is none within `MOST_DAYS`.
    """
    moment = now.astimezone(UTC)
    last = moment + timedelta(days=MOST_DAYS)
    while moment <= last:
        later = max([moment, *(_after_night(moment, zone) for zone in zones)])
        if calendar is not None:
            hours = hours_view({calendar.name: calendar}, later)[calendar.name]
            later = later if hours.open else hours.next_open.astimezone(UTC)
        if later == moment:
            return moment
        moment = later
    return None


def _after_night(moment: datetime, zone: ZoneInfo) -> datetime:
    """The end of the quiet hours around a moment; the moment itself outside them."""
    local = moment.astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return moment
    morning = (local.replace(tzinfo=None) + _NIGHT).date() if local.time() >= QUIET_FROM else local.date()
    return datetime.combine(morning, QUIET_UNTIL, zone).astimezone(UTC)
