"""Time zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.flow.hours.zones import Change, changes, find_zone, pieces
from tests.flow.hours.reading_hours import text_of, told

WEEK = "{mon: 09:00-10:00}"
UNKNOWN = "write continent and city as the IANA does, such as Europe/London"


def seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("Europe/Lodon", 'did you mean "Europe/London"?'),
        ("europe/london", 'did you mean "Europe/London"?'),
        ("London", 'did you mean "Europe/London"?'),
        ("New York", 'did you mean "America/New_York"?'),
        ("BST", 'did you mean "Europe/London"?'),
        ("Mars/Base", UNKNOWN),
        ("localtime", UNKNOWN),
        ("../etc/passwd", UNKNOWN),
        ("UTC+1", "name the zone of a city, which knows when its clocks change, such as Europe/London"),
        ("'+01:00'", "name the zone of a city, which knows when its clocks change, such as Europe/London"),
    ],
)
def test_an_unknown_zone_comes_with_the_nearest_one(written: str, cure: str) -> None:
    issues = told(text_of(WEEK, written))

    assert ["E500"] == [each[1] for each in issues]
    assert cure == issues[0][2]


def test_an_empty_zone_is_unknown() -> None:
    assert [("3:15", "E500", UNKNOWN)] == told(text_of(WEEK, '""'))


@pytest.mark.parametrize("name", ["Europe", "Europe/", "x\0", "a" * 5000, "\udcff", "posixrules", "right/UTC"])
def test_no_name_does_harm(name: str) -> None:
    assert None is find_zone(name)


@pytest.mark.parametrize(
    ("written", "city"), [("EST", "America/New_York"), ("Etc/GMT+1", "Europe/London"), ("Etc/GMT-1", "Europe/London")]
)
def test_a_zone_without_summer_time_is_pointed_out(written: str, city: str) -> None:
    assert [("3:15", "W523", f"name the zone of a city, such as {city}")] == told(text_of(WEEK, written))


def test_a_zone_cannot_be_computed() -> None:
    assert [("3:16", "E512", "write the text itself, without braces")] == told(text_of(WEEK, "'{{ env.TZ }}'"))


def test_the_clocks_change_twice_a_year_in_london() -> None:
    assert (
        Change(seconds("2027-03-28T01:00"), 3600),
        Change(seconds("2027-10-31T01:00"), 0),
    ) == changes(ZoneInfo("Europe/London"), 2027)


def test_samoa_left_out_a_day() -> None:
    apia = changes(ZoneInfo("Pacific/Apia"), 2011)

    assert Change(seconds("2011-12-30T10:00"), 14 * 3600) == apia[-1]


def test_time_is_cut_where_the_clocks_change() -> None:
    start, end = seconds("2026-10-25T00:00"), seconds("2027-03-28T02:00")

    found = list(pieces(ZoneInfo("Europe/London"), start, end))

    assert [(3600, 3600), (seconds("2027-03-28T01:00") - start - 3600, 0), (3600, 3600)] == [
        (piece.end - piece.start, piece.offset) for piece in found
    ]
    assert (start, end) == (found[0].start, found[-1].end)


def test_a_change_at_the_end_is_none() -> None:
    start, end = seconds("2027-03-28T00:00"), seconds("2027-03-28T01:00")

    assert [(start, end, 0)] == list(pieces(ZoneInfo("Europe/London"), start, end))
