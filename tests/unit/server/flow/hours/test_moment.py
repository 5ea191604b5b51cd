"""The opening hours that a flow reads at one moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.hours.calendar import NEVER, ByHand, Calendar, Span, seconds
from ncco_server.flow.nodes import Place
from ncco_server.ncco.value_types import DATETIME, TYPES
from tests.support.cases import each_case
from tests.support.examples import examples
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

    assert ("override", "Inventory") == (at("2026-12-24T12:00Z", named).reason, at("2026-12-24T12:00Z", named).holiday)
    assert ("open", "Day") == (at("2026-12-25T10:00Z", named).reason, at("2026-12-25T10:00Z", named).holiday)


def test_a_date_that_a_country_names_keeps_this_name_unless_it_has_another() -> None:
    named = calendar("{mon: 09:00-10:00}", holidays="[{country: GB}, 2026-12-25, {2027-01-01: Inventory}]")

    assert ["Christmas Day", "Inventory"] == [named.holidays[day] for day in (date(2026, 12, 25), date(2027, 1, 1))]


def test_a_calendar_that_is_always_open_gives_times_after_400_days() -> None:
    moment = at("2026-01-01T12:00Z", calendar("{mon-sun: 00:00-24:00}"))

    assert (True, "open", True) == (moment.open, moment.reason, moment.reopens)
    assert {"2027-02-05T12:00+00:00"} == {
        moment.next_open.isoformat(timespec="minutes"),
        moment.next_close.isoformat(timespec="minutes"),
    }


LONDON, LORD_HOWE, APIA = "Europe/London", "Australia/Lord_Howe", "Pacific/Apia"


@each_case(
    ("zone", "week", "now", "next_open", "next_close"),
    [
        # 2027-03-28: 01:00 to 02:00 is skipped; 2027-10-31: 01:00 to 02:00 occurs twice
        (LONDON, "{sun: 01:30-03:00}", "2027-03-28T00:00Z", "2027-03-28T02:00+01:00", "2027-03-28T03:00+01:00"),
        (LONDON, "{sun: 00:30-01:30}", "2027-03-28T00:00Z", "2027-03-28T00:30+00:00", "2027-03-28T02:00+01:00"),
        (LONDON, "{sun: 01:10-01:40}", "2027-03-28T00:00Z", "2027-04-04T01:10+01:00", "2027-04-04T01:40+01:00"),
        (LONDON, "{sat: 22:00-01:30}", "2027-03-27T21:00Z", "2027-03-27T22:00+00:00", "2027-03-28T02:00+01:00"),
        (LONDON, "{sun: 00:30-02:30}", "2027-10-30T23:00Z", "2027-10-31T00:30+01:00", "2027-10-31T02:30+00:00"),
        (LONDON, "{sun: 01:30-02:30}", "2027-10-30T23:00Z", "2027-10-31T01:30+01:00", "2027-10-31T01:00+00:00"),
        (LONDON, "{sun: 01:30-02:30}", "2027-10-31T01:10Z", "2027-10-31T01:30+00:00", "2027-10-31T02:30+00:00"),
        (LONDON, "{sun: 01:10-01:40}", "2027-10-31T00:40Z", "2027-10-31T01:10+00:00", "2027-10-31T01:40+00:00"),
        # half an hour: 2027-04-04 01:30 to 02:00 occurs twice, 2027-10-03 02:00 to 02:30 is skipped; a day: 2011-12-30
        (LORD_HOWE, "{sun: 01:45-02:15}", "2027-04-03T12:00Z", "2027-04-04T01:45+11:00", "2027-04-04T01:30+10:30"),
        (LORD_HOWE, "{sun: 02:10-02:20}", "2027-10-02T12:00Z", "2027-10-10T02:10+11:00", "2027-10-10T02:20+11:00"),
        (APIA, "{fri: 09:00-17:00}", "2011-12-30T06:00Z", "2012-01-06T09:00+14:00", "2012-01-06T17:00+14:00"),
    ],
)
def test_a_skipped_time_never_occurs_and_a_repeated_time_occurs_twice(
    zone: str, week: str, now: str, next_open: str, next_close: str
) -> None:
    moment = at(now, calendar(week, zone))

    assert next_open == moment["next_open"].isoformat(timespec="minutes")
    assert next_close == moment["next_close"].isoformat(timespec="minutes")


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


# decided by hand


MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
WEEK = ((Span(540, 720), Span(780, 1020)),) * 5 + ((), ())
HOURS = st.integers(0, 24 * 8)
DECIDED = st.builds(
    lambda start, length, is_open, reason: ByHand(is_open, _at(start), _at(start + length), reason),
    HOURS,
    st.integers(1, 48),
    st.booleans(),
    st.sampled_from(("", "a staff meeting")),
)


def _at(hour: int) -> int:
    return seconds(MONDAY + timedelta(hours=hour))


def _calendar(*by_hand: ByHand) -> Calendar:
    holidays = {date(2026, 12, 2): "Founder's Day"}
    return Calendar("salon", ZoneInfo("UTC"), WEEK, holidays, {}, Place("main.yaml", 3, 1)).with_hand(by_hand)


@examples(300)
@given(by_hand=st.lists(DECIDED, max_size=3), hour=HOURS)
def test_times_of_opening_and_closing_agree_with_each_moment(by_hand: list[ByHand], hour: int) -> None:
    calendar = _calendar(*by_hand)
    now = MONDAY + timedelta(hours=hour)
    moments = [now + timedelta(hours=ahead) for ahead in range(24 * 12)]
    is_open = [calendar.is_open(moment) for moment in moments]
    changes = [
        (moment, after)
        for moment, before, after in zip(moments[1:], is_open, is_open[1:], strict=False)
        if before != after
    ]
    hours = calendar.at(now)
    assert hours.next_open == next(moment for moment, opens in changes if opens)
    assert hours.next_close == next((moment for moment, opens in changes if not opens), None)


@each_case(
    ("hour", "by_hand", "expected"),
    [
        (10, (), (True, "open", "")),
        (10, (ByHand(False, _at(9), _at(11)),), (False, "override", "")),
        (10, (ByHand(False, _at(9), _at(11), "a staff meeting"),), (False, "override", "a staff meeting")),
        (11, (ByHand(False, _at(9), _at(11)),), (True, "open", "")),
        (10, (ByHand(True, _at(10), _at(11)), ByHand(False, _at(9), _at(12))), (True, "open", "")),
        (22, (ByHand(True, _at(21), _at(23), "late shopping"),), (True, "open", "late shopping")),
        (58, (ByHand(True, _at(57), _at(59)),), (True, "open", "Founder's Day")),
        (58, (ByHand(False, _at(57), _at(59)),), (False, "override", "Founder's Day")),
    ],
)
def test_flow_gets_what_was_decided(hour: int, by_hand: tuple[ByHand, ...], expected: tuple[bool, str, str]) -> None:
    hours = _calendar(*by_hand).at(MONDAY + timedelta(hours=hour))
    assert expected == (hours.open, hours.reason, hours.holiday)


def test_what_was_decided_opens_hours_that_never_open_and_is_told() -> None:
    decided = ByHand(True, _at(9), _at(11), "a fair")
    never = Calendar("fair", ZoneInfo("UTC"), NEVER, {}, {}, Place("main.yaml", 3, 1)).with_hand((decided,))
    hours = never.at(MONDAY + timedelta(hours=8))

    assert (MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=11)) == (hours.next_open, hours.next_close)
    assert "" == hours.told
    assert "open by hand until 2026-11-30 11:00: a fair" == never.at(MONDAY + timedelta(hours=10)).told
    assert (
        "closed by hand until 2026-11-30 11:00"
        == _calendar(ByHand(False, _at(9), _at(11))).at(MONDAY + timedelta(hours=10)).told
    )
    assert "zzz" not in hours
    assert [False, False] == [
        never.with_hand((each,)).at(MONDAY).reopens
        for each in (ByHand(False, _at(9), _at(11)), ByHand(True, _at(24 * 401), _at(24 * 402)))
    ]
