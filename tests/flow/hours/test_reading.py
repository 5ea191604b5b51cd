"""The map under `hours:`."""

from __future__ import annotations

import pytest

from tests.flow.hours.reading_hours import SAMPLE, read, text_of, told

EXAMPLE = "write `hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}`"


def test_the_sample_is_read_without_issues() -> None:
    calendars, issues = read(SAMPLE)

    assert [] == issues
    assert ["office"] == list(calendars)
    assert "Europe/London" == calendars["office"].zone.key
    assert ("office", 2) == (calendars["office"].name, calendars["office"].place.line)


@pytest.mark.parametrize(
    ("written", "place", "code", "cure"),
    [
        ("hours: 09:00-17:30\n", "1:8", "E201", EXAMPLE),
        ("hours: {office: 09:00-17:30}\n", "1:17", "E201", EXAMPLE),
        ("hours: {office: [a]}\n", "1:17", "E201", EXAMPLE),
        (
            "hours:\n  a-b: {timezone: UTC, week: {mon: 09:00-10:00}}\n",
            "2:3",
            "E205",
            "use letters, digits and _, e.g. a_b",
        ),
        ("hours:\n  1: {timezone: UTC, week: {mon: 09:00-10:00}}\n", "2:3", "E205", "use letters, digits and _"),
        ("hours:\n  not: {timezone: UTC, week: {mon: 09:00-10:00}}\n", "2:3", "E206", "choose another name"),
        ("hours:\n  a: {week: {mon: 09:00-10:00}}\n", "2:3", "E204", "write `timezone: Europe/London`"),
        ("hours:\n  a: {timezone: UTC}\n", "2:3", "E204", "write `week: {mon-fri: 09:00-17:30}`"),
        ("hours:\n  a: {tz: UTC, week: {mon: 09:00-10:00}}\n", "2:7", "E202", "write `timezone`"),
        ("hours:\n  a: {timezone: UTC, wek: {mon: 09:00-10:00}}\n", "2:22", "E202", 'did you mean "week"?'),
        (
            "hours:\n  a: {timezone: UTC, Mon-Sat: 9:00-17:00}\n",
            "2:22",
            "E202",
            "write it under `week`: {Mon-Sat: 09:00-17:30}",
        ),
        (
            "hours:\n  a: {timezone: UTC, week: {}, 2026-12-24: closed}\n",
            "2:32",
            "E202",
            "write it under `override`: {2026-12-24: 09:00-12:00}",
        ),
        ("hours:\n  a: {timezone: [UTC], week: {mon: 09:00-10:00}}\n", "2:17", "E201", "write a text here"),
        ("hours:\n  a: {timezone: , week: {mon: 09:00-10:00}}\n", "2:7", "E103", None),
        ("hours:\n  a:\n  week: {mon: 09:00-10:00}\n", "2:3", "E103", None),
    ],
)
def test_faulty_calendars(written: str, place: str, code: str, cure: str | None) -> None:
    issues = told(written)

    assert [(place, code)] == [each[:2] for each in issues]
    assert cure in (issues[0][2], None)


def test_a_faulty_calendar_is_there_all_the_same_and_closed() -> None:
    calendars, _ = read("hours: {office: 09:00-17:30, shop: {timezone: Mars, week: {mon: 09:00-10:00}}}\n")

    assert ["office", "shop"] == list(calendars)
    assert ["UTC", "UTC"] == [calendar.zone.key for calendar in calendars.values()]
    assert not any(calendars["office"].week)


def test_hours_that_never_open_are_pointed_out() -> None:
    assert [("2:3", "W522", "name the days that are open under `week`, e.g. mon-fri: 09:00-17:30")] == told(
        text_of("{mon-sun: closed}")
    )
    assert [("2:3", "W522")] == [each[:2] for each in told(text_of("{}"))]


def test_hours_of_single_dates_come_to_an_end() -> None:
    issues = read(text_of("{}", override="{2026-12-24: 09:00-10:00, 2026-12-23: 09:00-10:00, 2026-12-25: closed}"))[1]

    assert [('hours "office" never open after 2026-12-24', "W522")] == [(issue.message, issue.code) for issue in issues]
    assert "or ask hours.office.reopens before you tell next_open" in issues[0].cure
