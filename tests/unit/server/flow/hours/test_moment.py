"""The opening hours that a flow reads at one moment."""

from __future__ import annotations

import pytest

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.ncco.value_types import DATETIME, TYPES
from tests.support.cases import each_case
from tests.unit.server.flow.hours.reading_hours import SAMPLE, at, calendar, read

OFFICE = read(SAMPLE)[0]["office"]
BAR = calendar(
    "{fri: 18:00-02:00, sat: 20:00-03:00}",
    holidays="{2026-12-26: Boxing Day, 2027-01-01: New Year}",
    override="{2026-12-31: {hours: 18:00-05:00, name: New Year's Eve}, 2027-01-02: closed}",
)
"""2026-12-25 is a Friday, 2027-01-01 too."""


@each_case(
    ("now", "reason", "holiday"),
    [
        ("2026-12-23T08:59:59.999999Z", "closed", ""),
        ("2026-12-23T09:00Z", "open", ""),
        ("2026-12-23T17:29:59.999999Z", "open", ""),
        ("2026-12-23T17:30Z", "closed", ""),
        ("2026-12-24T08:00Z", "override", ""),
        ("2026-12-24T12:00Z", "override", ""),
        ("2026-12-25T12:00Z", "holiday", "Christmas Day"),
        ("2026-12-26T03:00Z", "holiday", "Boxing Day"),
        ("2026-07-01T08:00Z", "open", ""),
        ("2026-07-01T12:30-04:00", "closed", ""),
    ],
)
def test_the_reason_for_being_open_or_closed_is_given(now: str, reason: str, holiday: str) -> None:
    moment = at(now, OFFICE)

    assert (reason == "open", reason, holiday) == (moment["open"], moment["reason"], moment["holiday"])


@each_case(
    ("now", "reason", "holiday"),
    [
        ("2026-12-26T01:59Z", "open", "Boxing Day"),
        ("2026-12-26T02:00Z", "holiday", "Boxing Day"),
        ("2027-01-01T04:59Z", "open", "New Year"),
        ("2027-01-01T05:00Z", "holiday", "New Year"),
        ("2027-01-02T01:00Z", "override", ""),
    ],
)
def test_hours_past_midnight_belong_to_the_day_on_which_they_begin(now: str, reason: str, holiday: str) -> None:
    moment = at(now, BAR)

    assert (reason, holiday) == (moment.reason, moment.holiday)


def test_the_name_of_an_override_replaces_the_name_of_the_holiday() -> None:
    named = calendar(
        "{mon: 09:00-10:00}",
        holidays="{2026-12-24: Eve, 2026-12-25: Day}",
        override="{2026-12-24: {hours: closed, name: Inventory}, 2026-12-25: 09:00-12:00}",
    )

    assert ("override", "Inventory") == (
        at("2026-12-24T12:00Z", named).reason,
        at("2026-12-24T12:00Z", named).holiday,
    )
    assert ("open", "Day") == (at("2026-12-25T10:00Z", named).reason, at("2026-12-25T10:00Z", named).holiday)


def test_a_calendar_that_is_always_open_gives_times_after_400_days() -> None:
    moment = at("2026-01-01T12:00Z", calendar("{mon-sun: 00:00-24:00}"))

    assert (True, "open", True) == (moment.open, moment.reason, moment.reopens)
    assert {"2027-02-05T12:00+00:00"} == {
        moment.next_open.isoformat(timespec="minutes"),
        moment.next_close.isoformat(timespec="minutes"),
    }


@each_case(
    ("week", "now", "next_open", "next_close"),
    [
        # 2027-03-28: 01:00 to 02:00 is skipped; 2027-10-31: 01:00 to 02:00 occurs twice
        ("{sun: 01:30-03:00}", "2027-03-28T00:00Z", "2027-03-28T02:00+01:00", "2027-03-28T03:00+01:00"),
        ("{sun: 00:30-01:30}", "2027-03-28T00:00Z", "2027-03-28T00:30+00:00", "2027-03-28T02:00+01:00"),
        ("{sun: 01:10-01:40}", "2027-03-28T00:00Z", "2027-04-04T01:10+01:00", "2027-04-04T01:40+01:00"),
        ("{sat: 22:00-01:30}", "2027-03-27T21:00Z", "2027-03-27T22:00+00:00", "2027-03-28T02:00+01:00"),
        ("{sun: 00:30-02:30}", "2027-10-30T23:00Z", "2027-10-31T00:30+01:00", "2027-10-31T02:30+00:00"),
        ("{sun: 01:30-02:30}", "2027-10-30T23:00Z", "2027-10-31T01:30+01:00", "2027-10-31T01:00+00:00"),
        ("{sun: 01:30-02:30}", "2027-10-31T01:10Z", "2027-10-31T01:30+00:00", "2027-10-31T02:30+00:00"),
        ("{sun: 01:10-01:40}", "2027-10-31T00:40Z", "2027-10-31T01:10+00:00", "2027-10-31T01:40+00:00"),
    ],
)
def test_a_skipped_time_never_occurs_and_a_repeated_time_occurs_twice(
    week: str, now: str, next_open: str, next_close: str
) -> None:
    moment = at(now, calendar(week))

    assert next_open == moment.next_open.isoformat(timespec="minutes")
    assert next_close == moment.next_close.isoformat(timespec="minutes")


@pytest.mark.parametrize("week", ["{mon-sun: 00:00-24:00}", "{mon: closed}"])
def test_a_time_that_never_occurs_is_missing_for_a_flow(week: str) -> None:
    source = f"hours: {{x: {{timezone: Asia/Tokyo, week: {week}}}}}\n"
    moment = at("2026-01-01T12:00Z", read(source)[0]["x"])

    assert (None, None) == (moment["next_open"], moment["next_close"])


def test_the_declared_types_match_the_values() -> None:
    shape = Calendar.type
    moment = at("2026-12-25T12:00Z", OFFICE)

    assert list(moment) == list(shape.fields)
    assert {"open": TYPES["bool"], "holiday": TYPES["text"], "next_open": DATETIME} == {
        name: shape.fields[name] for name in ("open", "holiday", "next_open")
    }
