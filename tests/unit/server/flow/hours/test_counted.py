"""Opening hours counted minute by minute in the simplest way, without any code of the calendar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.hours.calendar import Calendar, Span, SpecialHours
from ncco_server.flow.nodes import Place
from tests.support.cases import each_case
from tests.support.examples import examples

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


YEARS_OF = {
    "Europe/London": (2024,),
    "Europe/Berlin": (2027,),
    "America/New_York": (2027,),
    "America/Sao_Paulo": (2018, 2021),
    "Australia/Lord_Howe": (2024,),
    "Asia/Kathmandu": (2024,),
    "Asia/Tehran": (2021, 2024),
    "Africa/Casablanca": (2018, 2027),
    "Pacific/Apia": (2011, 2021),
    "Pacific/Chatham": (2027,),
}
"""Zones, and years with and without what is peculiar there: the end of summer time in Brazil, Morocco's and Iran's
changes of mind, the day that Samoa left out; 2024 has 366 days."""
YEARS = sorted({year for years in YEARS_OF.values() for year in years})

PLAN = Plan(
    week={
        0: [("09:00", "12:00"), ("13:00", "17:30")],
        1: [("18:00", "02:00")],
        2: [("00:00", "24:00")],
        4: [("00:00", "00:45"), ("22:30", "03:30")],
        5: [("10:00", "14:00"), ("22:00", "24:00")],
        6: [("00:15", "00:45"), ("01:15", "01:45"), ("02:10", "02:50"), ("23:00", "04:00")],
    },
    override={
        **{date(year, 12, 24): [("09:00", "12:00")] for year in YEARS},
        **{date(year, 12, 31): [("18:00", "05:00")] for year in YEARS},
        **{date(year, 3, 28): [("01:30", "02:30")] for year in YEARS},
        **{date(year, 10, 31): [] for year in YEARS},
    },
    holidays={date(year, *day) for year in YEARS for day in ((1, 1), (5, 1), (12, 25), (12, 26), (12, 31))},
)


def minutes_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def spans_of(times: Times) -> tuple[Span, ...]:
    pairs = [(minutes_of(start), minutes_of(end)) for start, end in times]
    return tuple(sorted(Span(start, end if end > start else end + 1440) for start, end in pairs))


def calendar_of(plan: Plan, zone: str) -> Calendar:
    return Calendar(
        "counted",
        ZoneInfo(zone),
        tuple(spans_of(plan.week.get(day, [])) for day in range(7)),
        dict.fromkeys(plan.holidays, "a holiday"),
        {day: SpecialHours(spans_of(times)) for day, times in plan.override.items()},
        Place("flows/shared.yaml", 1, 1),
    )


def told(calendar: Calendar, start: datetime, at: int) -> tuple[bool, int, int]:
    """What the calendar says about a minute: whether it is open, and the minutes of the next opening and closing."""
    moment = calendar.at(start + timedelta(minutes=at, seconds=30))
    next_open, next_close = (
        int((turn - start).total_seconds()) // 60 for turn in (moment.next_open, moment.next_close)
    )
    return moment.open, next_open, next_close


@each_case(("zone", "year"), [(zone, year) for zone, years in YEARS_OF.items() for year in years])
def test_every_minute_of_a_year_matches_the_count(zone: str, year: int) -> None:
    calendar = calendar_of(PLAN, zone)
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    minutes = int((end - start).total_seconds()) // 60

    counted = walk(PLAN, ZoneInfo(zone), start, minutes)

    assert counted == painted(calendar.openings(start, end), start, minutes)
    samples = range(0, minutes - 30 * 1440, 1499)
    assert [turns(counted, at) for at in samples] == [told(calendar, start, at) for at in samples]


CLOCK = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
TIMES = st.lists(st.tuples(CLOCK, CLOCK).filter(lambda pair: pair[0] != pair[1]), max_size=3)
WEEKS = st.dictionaries(st.integers(0, 6), TIMES, min_size=1)
CHANGES = (
    ("Europe/London", date(2027, 3, 28)),
    ("Europe/London", date(2027, 10, 31)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("Africa/Casablanca", date(2018, 6, 17)),
    ("Asia/Tehran", date(2021, 3, 22)),
    ("Asia/Tehran", date(2021, 9, 22)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Chatham", date(2027, 4, 4)),
)


@examples(80)
@given(st.sampled_from(CHANGES), WEEKS, st.dictionaries(st.integers(-3, 3), TIMES), st.sets(st.integers(-3, 3)))
def test_any_hours_are_right_around_a_change_of_the_clocks(
    change: tuple[str, date], week: dict[int, Times], special: dict[int, Times], closed: set[int]
) -> None:
    zone, day = change
    dated = {day + timedelta(days=number): times for number, times in special.items()}
    plan = Plan(week, dated, {day + timedelta(days=number) for number in closed})
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=3)
    minutes = 6 * 1440

    counted = walk(plan, ZoneInfo(zone), start, minutes)

    openings = calendar_of(plan, zone).openings(start, start + timedelta(minutes=minutes))
    assert counted == painted(openings, start, minutes)
