"""Opening hours counted minute by minute in the simplest way, without any code of the calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

BLOCK = 30
"""Minutes between which no clock of the zones and years in question changes; `walk` makes sure of it."""

Times = list[tuple[str, str]]


class Plan(NamedTuple):
    """Hours as pairs of texts: by weekday (0 is Monday), by date, and closed dates."""

    week: Mapping[int, Times]
    override: Mapping[date, Times]
    holidays: Set[date]

    def on(self, day: date) -> Times:
        if day in self.override:
            return self.override[day]
        return [] if day in self.holidays else self.week.get(day.weekday(), [])


def is_open(today: Times, yesterday: Times, clock: str) -> bool:
    """Whether it is open at the local time `clock` (`HH:MM`)."""
    if any(start <= clock < end or (end < start <= clock) for start, end in today):
        return True
    return any(end < start and clock < end for start, end in yesterday)


CLOCKS = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(1440)]


def on_the_wall(plan: Plan, first: date, days: int) -> bytes:
    """One byte for each minute of local time: 1 means open."""
    seen: dict[tuple[str, str], bytes] = {}
    whole = bytearray()
    for number in range(days):
        day = first + timedelta(days=number)
        today, yesterday = plan.on(day), plan.on(day - timedelta(days=1))
        key = (repr(today), repr(yesterday))
        if key not in seen:
            seen[key] = bytes(is_open(today, yesterday, clock) for clock in CLOCKS)
        whole += seen[key]
    return bytes(whole)


def walk(plan: Plan, zone: ZoneInfo, start: datetime, minutes: int) -> bytes:
    """One byte for each minute from `start` (UTC) on: 1 means open in the local time of the zone."""
    first = start.date() - timedelta(days=2)
    wall = on_the_wall(plan, first, minutes // 1440 + 6)
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    lived = bytearray()
    for block in range(0, minutes, BLOCK):
        local = (start + timedelta(minutes=block)).astimezone(zone)
        last = (start + timedelta(minutes=block + BLOCK - 1)).astimezone(zone)
        if local.utcoffset() != last.utcoffset():
            raise AssertionError(f"{zone} changes its clocks within half an hour of {local}")
        at = int((local.replace(tzinfo=UTC) - midnight).total_seconds()) // 60
        lived += wall[at : at + BLOCK]
    return bytes(lived[:minutes])


def turns(lived: bytes, at: int) -> tuple[bool, int, int]:
    """Whether minute `at` is open, and the minutes of the next opening and closing; -1 means none."""
    if lived[at]:
        closes = lived.find(0, at)
        return True, lived.find(1, closes) if closes >= 0 else -1, closes
    opens = lived.find(1, at)
    return False, opens, lived.find(0, opens) if opens >= 0 else -1


def painted(openings: Iterator[tuple[int, int]], start: datetime, minutes: int) -> bytes:
    """Openings (seconds since 1970) as one byte per minute; they are in order and start and end on whole minutes."""
    origin = int(start.timestamp())
    canvas = bytearray(minutes)
    before = -1
    for begin, end in openings:
        low, high = (begin - origin) // 60, (end - origin) // 60
        if (begin - origin) % 60 or (end - origin) % 60 or low <= before or high <= low:
            raise AssertionError((begin, end))
        canvas[low:high] = b"\x01" * (high - low)
        before = high
    return bytes(canvas)
