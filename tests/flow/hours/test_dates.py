"""Dates and ranges of dates."""

from __future__ import annotations

from datetime import date

import pytest

from tests.flow.hours.reading_hours import calendar, read, text_of, told

EXAMPLE = "write year-month-day, such as 2026-12-24"
NO_YEAR = "write the year as well: 2026-12-24, and another line for the next year"
WEEK = "{mon: 09:00-10:00}"


@pytest.mark.parametrize(
    ("written", "dates"),
    [
        ("2026-12-24", ["2026-12-24"]),
        ("2028-02-29", ["2028-02-29"]),
        ("2026-12-31..2027-01-02", ["2026-12-31", "2027-01-01", "2027-01-02"]),
        ("2026-12-31 .. 2027-01-01", ["2026-12-31", "2027-01-01"]),
        ("2026-12-31..2026-12-31", ["2026-12-31"]),
    ],
)
def test_dates_and_ranges(written: str, dates: list[str]) -> None:
    assert dates == [day.isoformat() for day in calendar(WEEK, holidays=f"[{written}]").holidays]


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("2026-02-29", "February 2026 has 28 days"),
        ("2026-04-31", "April 2026 has 30 days"),
        ("2026-04-00", "April 2026 has 30 days"),
        ("2026-24-12", "the month stands in the middle: 2026-12-24"),
        ("2026-13-45", "a month is 01 to 12"),
        ("2026-00-10", "a month is 01 to 12"),
        ("1926-12-24", "correct the year"),
        ("2126-12-24", "correct the year"),
        ("2026-1-5", "write 2026-01-05"),
        ("2026/12/24", "write 2026-12-24"),
        ("20261224", "write 2026-12-24"),
        ("2026-12-24T09:00", "write 2026-12-24"),
        ("20261399", EXAMPLE),
        ("24.12.2026", "write 2026-12-24"),
        ("5.6.2026", "write 2026-06-05"),
        ("12/24/2026", "write 2026-12-24"),
        ("05/06/2026", EXAMPLE),
        ("05/05/2026", "write 2026-05-05"),
        ("24 Dec 2026", "write 2026-12-24"),
        ("24th December 2026", "write 2026-12-24"),
        ("31 Foo 2026", EXAMPLE),
        ("30 February 2026", EXAMPLE),
        ("Dec 2026", EXAMPLE),
        ("12-24", NO_YEAR),
        ("24.12.", NO_YEAR),
        ("24 December", NO_YEAR),
        ("Dec 24", NO_YEAR),
        ("xmas", EXAMPLE),
        ("2026-12-24 - 2026-12-31", "write 2026-12-24..2026-12-31"),
        ("2026-12-24...2026-12-31", "write 2026-12-24..2026-12-31"),
        ("2026-12-24 to 2026-12-31", "write 2026-12-24..2026-12-31"),
    ],
)
def test_what_is_no_date_comes_with_what_was_meant(written: str, cure: str) -> None:
    assert [("5:17", "E506", cure)] == told(text_of(WEEK, holidays=f"['{written}']"))


@pytest.mark.parametrize(
    ("written", "place"), [("2026-12-24..2026-12-32", "5:29"), ("..2026-12-24", "5:17"), ("1..2..3", "5:16")]
)
def test_each_end_of_a_range_has_its_place(written: str, place: str) -> None:
    assert [(place, "E506")] == [each[:2] for each in told(text_of(WEEK, holidays=f"['{written}']"))]


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("2026-12-24..2026-12-20", "write 2026-12-20..2026-12-24"),
        ("2026-01-01..2027-01-02", "what lasts longer is another `week`; write it so"),
    ],
)
def test_a_range_goes_forward_and_lasts_a_year_at_most(written: str, cure: str) -> None:
    assert [("5:16", "E511", cure)] == told(text_of(WEEK, holidays=f"[{written}]"))


def test_a_whole_leap_year_is_a_range() -> None:
    assert 366 == len(calendar(WEEK, holidays="[2028-01-01..2028-12-31]").holidays)


def test_a_date_stands_once() -> None:
    calendars, issues = read(text_of(WEEK, holidays="[2026-12-24, 2026-12-23..2026-12-25]"))

    assert [("E507", '`holidays` of hours "office": 2026-12-24 stands twice')] == [
        (issue.code, issue.message) for issue in issues
    ]
    assert [date(2026, 12, day) for day in (24, 23, 25)] == list(calendars["office"].holidays)
