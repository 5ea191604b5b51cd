"""Decides when a call may be placed: in opening hours, and never at night in any possible time zone of the number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.language.outbound import QUIET_FROM, QUIET_UNTIL
from ncco_server.flow.report import some_of

MOST_DAYS: Final = 60

_NIGHT: Final = timedelta(hours=24 - QUIET_FROM.hour)


@lru_cache(maxsize=4096)
def zones_of(number: str) -> tuple[ZoneInfo, ...]:
    """Return () if unknown. A number that is not in use gets the zones of its prefix."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
        found = time_zones_for_number(parsed)
        if UNKNOWN_TIMEZONE in found:
            found = time_zones_for_geographical_number(parsed)
        return tuple(ZoneInfo(name) for name in found if name != UNKNOWN_TIMEZONE)
    except (phonenumbers.NumberParseException, ZoneInfoNotFoundError):
        return ()


def next_moment(now: datetime, zones: tuple[ZoneInfo, ...], calendar: Calendar | None) -> datetime | None:
    """Return the moment in UTC, from `now` (aware) on; None if there is none within `MOST_DAYS`.

    Without `zones`, there are no quiet hours; without a calendar, any time is right.
    """
    moment = now.astimezone(UTC)
    last = moment + timedelta(days=MOST_DAYS)
    while moment <= last:
        later = max([moment, *(_after_night(moment, zone) for zone in zones)])
        if calendar is not None:
            hours = calendar.at(later)
            later = later if hours.open else hours.next_open.astimezone(UTC)
        if later == moment:
            return moment
        moment = later
    return None


def why_not(moment: datetime, zones: tuple[ZoneInfo, ...], calendar: Calendar | None) -> str:
    if night := [zone.key for zone in zones if _after_night(moment, zone) != moment]:
        return f"it is night in {some_of(night)}: no calls from {QUIET_FROM:%H:%M} to {QUIET_UNTIL:%H:%M}"
    if calendar is not None and not calendar.is_open(moment):
        return f'the opening hours "{calendar.name}" do not include this time'
    return ""


def _after_night(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return moment
    morning = (local.replace(tzinfo=None) + _NIGHT).date() if local.time() >= QUIET_FROM else local.date()
    return datetime.combine(morning, QUIET_UNTIL, zone).astimezone(UTC)
