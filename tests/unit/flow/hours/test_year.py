"""One year of opening hours."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from app.flow.hours.calendar import Calendar, Span
from app.flow.hours.year import ClockChange, ExceptionalDates, Gap, Overlap, summarise
from tests.unit.flow.hours.reading_hours import SAMPLE, calendar, read, text_of

OFFICE = read(SAMPLE)[0]["office"]


def day(written: str) -> date:
    return date.fromisoformat(written)


def clock(written: str) -> datetime:
    return datetime.fromisoformat(written)


def unchecked(week: str, **more: str) -> Calendar:
    """A calendar with warnings."""
    return read(text_of(week, **more))[0]["office"]


def test_open_hours_of_a_year() -> None:
    year = summarise(calendar("{mon-fri: 09:00-17:30}"), 2027)

    assert (261 * 510, 261) == (year.open_minutes, year.open_days)


@pytest.mark.parametrize(("year", "hours"), [(2027, 8760), (2028, 8784)])
def test_always_open_is_every_hour_of_the_year(year: int, hours: int) -> None:
    always = summarise(calendar("{mon-sun: 00:00-24:00}"), year)

    assert hours * 60 == always.open_minutes
    assert ((), ()) == (always.gaps, always.exceptions)


def test_holidays_and_overrides_are_exceptions() -> None:
    nine = (Span(540, 1050),)
    noon = (Span(540, 720),)

    exceptions = summarise(OFFICE, 2026).exceptions

    assert [
        ExceptionalDates(day("2026-12-24"), day("2026-12-24"), noon, nine, "override", ""),
        ExceptionalDates(day("2026-12-25"), day("2026-12-25"), (), nine, "holiday", "Christmas Day"),
        ExceptionalDates(day("2026-12-26"), day("2026-12-26"), (), (Span(600, 840),), "holiday", "Boxing Day"),
        ExceptionalDates(day("2026-12-28"), day("2026-12-28"), (), nine, "holiday", "Boxing Day"),
    ] == list(exceptions[-4:])


def test_dates_in_a_row_with_the_same_hours_and_name_are_one_exception() -> None:
    some = calendar(
        "{mon-fri: 09:00-10:00}",
        override="{2027-12-24..2027-12-27: closed, 2027-12-28: 09:00-10:00, 2027-12-30..2027-12-31: closed}",
    )

    assert [("2027-12-24", "2027-12-27"), ("2027-12-28", "2027-12-28"), ("2027-12-30", "2027-12-31")] == [
        (each.first.isoformat(), each.last.isoformat()) for each in summarise(some, 2027).exceptions
    ]


def test_clock_changes_tell_by_how_much_the_hours_last_longer() -> None:
    spring = (clock("2027-03-28T01:00"), clock("2027-03-28T02:00"))
    autumn = (clock("2027-10-31T02:00"), clock("2027-10-31T01:00"))

    assert (ClockChange(*spring, 0), ClockChange(*autumn, 0)) == summarise(OFFICE, 2027).clock_changes
    assert (ClockChange(*spring, -60), ClockChange(*autumn, 60)) == (
        summarise(calendar("{sat: 22:00-04:00}"), 2027).clock_changes
    )
    assert (ClockChange(*spring, -15), ClockChange(*autumn, 15)) == (
        summarise(calendar("{sun: 01:45-04:00}"), 2027).clock_changes
    )


def test_hours_that_overlap_at_a_clock_change_count_once() -> None:
    changes = summarise(unchecked("{sat: 22:00-01:30, sun: 01:00-02:00}"), 2027).clock_changes

    assert [-60, 60] == [change.minutes for change in changes]


def test_clock_changes_belong_to_the_year_on_the_wall() -> None:
    apia = summarise(calendar("{mon: 09:00-10:00}", "Pacific/Apia"), 2011)

    assert (clock("2011-12-30T00:00"), clock("2011-12-31T00:00")) == (
        apia.clock_changes[-1].before,
        apia.clock_changes[-1].after,
    )


def test_more_closed_days_in_a_row_than_usual_are_a_gap() -> None:
    closed = calendar("{mon-sat: 09:00-10:00}", override="{2027-12-24..2028-01-03: closed}")
    gap = Gap(day("2027-12-24"), day("2028-01-03"))

    assert (gap,) == summarise(closed, 2027).gaps
    assert (gap,) == summarise(closed, 2028).gaps
    assert () == summarise(closed, 2026).gaps
    assert 11 == gap.days


def test_a_day_into_which_a_night_reaches_is_not_closed() -> None:
    nights = calendar("{mon: 20:00-02:00, fri: 20:00-02:00}", holidays="[2027-01-04]")

    assert (Gap(day("2027-01-03"), day("2027-01-07")),) == summarise(nights, 2027).gaps


def test_a_usual_weekend_is_no_gap_and_a_long_one_is() -> None:
    week = calendar("{tue-thu: 09:00-10:00}", holidays="[2027-05-04]")

    assert (Gap(day("2027-04-30"), day("2027-05-04")),) == summarise(week, 2027).gaps


def test_a_gap_without_an_end_is_cut_off_at_the_year() -> None:
    week = unchecked("{}", override="{2027-06-01: 09:00-10:00}")

    assert (Gap(day("2027-01-01"), day("2027-05-31")), Gap(day("2027-06-02"), day("2027-12-31"))) == (
        summarise(week, 2027).gaps
    )
    assert (Gap(day("2029-01-01"), day("2029-12-31")),) == summarise(week, 2029).gaps


def test_overlaps_of_the_week_and_of_single_dates() -> None:
    nights = unchecked(
        "{fri: 18:00-03:00, sat: 02:00-10:00}", override="{2027-01-04: 20:00-04:00, 2027-01-05: 03:00-03:30}"
    )

    overlaps = summarise(nights, 2027).overlaps

    assert 53 == len(overlaps)
    assert (
        Overlap(day("2027-01-02"), Span(120, 180)),
        Overlap(day("2027-01-05"), Span(180, 210)),
        Overlap(day("2027-01-09"), Span(120, 180)),
    ) == overlaps[:3]


@pytest.mark.parametrize(("year", "is_known"), [(2023, False), (2024, True), (2040, True), (2041, False)])
def test_public_holidays_are_known_for_some_years(year: int, is_known: bool) -> None:
    assert is_known is summarise(OFFICE, year).is_known


def test_without_public_holidays_every_year_is_known() -> None:
    assert summarise(calendar("{mon: 09:00-10:00}", holidays="[2026-12-24]"), 2099).is_known
