"""Decides what follows an attempt: another attempt, or the end of the placed call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.language.outbound import QUIET_FROM, QUIET_UNTIL, UNKNOWN, Outbound
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.store import PlacedRow, milliseconds
from ncco_server.wording import some_of

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


ANSWERED: Final = "answered"
SILENT_S: Final = 30
"""Limits the wait for a webhook after an attempt should have stopped ringing, or after its end."""
STATUS_POLL_S: Final = 10 * 60
"""Between questions to Vonage about an answered call without `completed`."""
LONGEST_CALL_S: Final = 24 * 60 * 60
"""A longer call counts as over, even if Vonage reports otherwise. Source: Voice API specification, length_timer."""


def missed_outcome(status: str) -> str:
    """The outcome of an unanswered attempt with this last status.

    Vonage may send `completed` before other events, so it alone shows nothing.
    """
    if status == "cancelled":
        return "unanswered"
    return status if status in DIAL_FAILURES else UNKNOWN


def first_moment(flow: Flow, number: str, wanted_at: datetime) -> datetime | None:
    """Return None if the number may never be called. `wanted_at` is aware."""
    outbound = outbound_of(flow)
    return next_moment(wanted_at, zones_of(number) if outbound.quiet else (), _calendar(flow, outbound))


def why_later(flow: Flow, number: str, moment: datetime) -> str:
    """One sentence; "" if the number may be called."""
    outbound = outbound_of(flow)
    return why_not(moment, zones_of(number) if outbound.quiet else (), _calendar(flow, outbound))


def next_attempt(flow: Flow, row: PlacedRow, outcome: str, now: datetime, speed: float = 1.0) -> datetime | None:
    """Return None if there will be none. `row.tries` includes the last attempt; `now` is aware.

    The pause between attempts passes `speed` times as fast.
    """
    outbound = outbound_of(flow)
    retry = outbound.retry
    if outcome not in retry.on or row.tries >= retry.tries:
        return None
    moment = first_moment(flow, row.number, now + timedelta(milliseconds=retry.after_ms / speed))
    return None if moment is None or is_too_late(row, moment) else moment


def is_too_late(row: PlacedRow, moment: datetime) -> bool:
    return row.expires_at is not None and milliseconds(moment) >= row.expires_at


def _calendar(flow: Flow, outbound: Outbound) -> Calendar | None:
    within = outbound.retry.within
    return flow.calendars[within] if within else None


def outbound_of(flow: Flow) -> Outbound:
    if flow.outbound is None:
        raise ValueError(f"flow {flow.name} does not place calls")
    return flow.outbound
