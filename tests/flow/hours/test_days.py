"""The week of a calendar."""

from __future__ import annotations

import pytest

from app.flow.hours.days import shown_days
from tests.flow.hours.reading_hours import calendar, read, text_of, told

KNOWN = "known are: mon, tue, wed, thu, fri, sat, sun, and mon-fri"


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("mon", [0]),
        ("Sunday", [6]),
        ("mon-fri", [0, 1, 2, 3, 4]),
        ("Mon-Fri", [0, 1, 2, 3, 4]),
        ("'mon - fri'", [0, 1, 2, 3, 4]),
        ("monday-wednesday", [0, 1, 2]),
        ("fri-mon", [0, 4, 5, 6]),
        ("tue-tue", [1]),
        ("'mon,wed'", [0, 2]),
        ("'mon, wed-thu, mon'", [0, 2, 3]),
    ],
)
def test_days_have_hours(written: str, days: list[int]) -> None:
    week = calendar(f"{{{written}: 09:00-10:00}}").week

    assert days == [day for day in range(7) if week[day]]


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("mon..fri", "write mon-fri"),
        ("mon to fri", "write mon-fri"),
        ("Montag bis Freitag", "write mon-fri"),
        ("xx to fri", "write xx-fri"),
        ("mo-fr", 'did you mean "mon-fri"?'),
        ("tues", 'did you mean "tue"?'),
        ("wendesday", 'did you mean "wed"?'),
        ("mon-fri-sun", "write the first and the last day of a range, such as mon-fri; or each day: mon,wed,fri"),
        ("weekdays", "write mon-fri"),
        ("weekend", "write sat,sun"),
        ("Daily", "write mon-sun"),
        ("else", "delete it: a day that is not named is closed"),
        ("holidays", "holidays stand beside `week`, not in it"),
        ("2026-12-24", "hours of one date stand under `override`: {2026-12-24: 09:00-12:00}"),
        ("Donnerstag", 'did you mean "thu"?'),
        ("someday", KNOWN),
        ("13:00-17:00", KNOWN),
    ],
)
def test_what_is_no_day_comes_with_what_was_meant(written: str, cure: str) -> None:
    assert [("4:12", "E504", cure)] == told(text_of(f"{{{written}: 09:00-10:00}}"))


def test_each_of_several_days_has_its_place() -> None:
    assert [("4:18", "E504", 'did you mean "wed"?')] == told(text_of("{'mon, wednes': 09:00-10:00}"))
    assert [("4:13", "E504", KNOWN)] == told(text_of('{"": 09:00-10:00}'))


def test_hours_without_brackets_in_braces_are_one_issue() -> None:
    assert [("4:37", "E103")] == [each[:2] for each in told(text_of("{mon-fri: 09:00-12:00   , 13:00-17:00}"))]


def test_the_week_is_a_map() -> None:
    assert [("4:11", "E201", "write `week: {mon-fri: 09:00-17:30}`")] == told(text_of("09:00-17:30"))


@pytest.mark.parametrize(
    ("written", "place", "cure"),
    [
        ("{mon-fri: 09:00-10:00, wed: 10:00-11:00}", "4:34", "write mon,tue,thu,fri instead of mon-fri"),
        ("{mon-fri: 09:00-10:00, tue-sat: 10:00-11:00}", "4:34", "write mon instead of mon-fri"),
        ("{mon: 09:00-10:00, monday: 10:00-11:00}", "4:30", 'delete it here, or "mon"'),
    ],
)
def test_a_day_may_not_stand_twice(written: str, place: str, cure: str) -> None:
    assert [(place, "E505", cure)] == told(text_of(written))


def test_the_first_hours_of_a_doubled_day_hold() -> None:
    calendars, _ = read(text_of("{mon: 09:00-10:00, mon-tue: 11:00-12:00}"))

    assert [((540, 600),), ((660, 720),)] == list(calendars["office"].week[:2])


def test_a_night_may_not_reach_into_the_hours_of_the_next_day() -> None:
    issues = read(text_of("{sat: 18:00-03:00, sun: 02:00-10:00}"))[1]

    assert [("W521", 30)] == [(issue.code, issue.place.column) for issue in issues]
    assert 'hours "office": the hours of sat last until 03:00 of sun, which opens at 02:00 already' == issues[0].message
    assert "let sat end at 02:00, or sun begin at 03:00" == issues[0].cure


def test_the_night_of_sunday_reaches_into_monday() -> None:
    assert [("4:12", "W521", "let sun end at 01:00, or mon begin at 02:00")] == told(
        text_of("{mon: 01:00-10:00, sun: 20:00-02:00}")
    )


def test_a_night_may_end_when_the_next_day_begins() -> None:
    assert [] == told(text_of("{fri: 18:00-02:00, sat: 02:00-10:00}"))


@pytest.mark.parametrize(
    ("days", "shown"),
    [([0, 1, 2, 3, 4], "mon-fri"), ([0, 2, 3, 4, 6], "mon,wed-fri,sun"), ([5, 6], "sat,sun"), ([], "")],
)
def test_days_are_shown_as_they_are_written(days: list[int], shown: str) -> None:
    assert shown == shown_days(days)
