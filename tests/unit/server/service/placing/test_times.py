"""When a call may be placed, across nights, time zones, closing times and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.hours.calendar import Calendar, Span
from ncco_server.flow.nodes import Place
from ncco_server.service.placing.attempts import MOST_DAYS, next_moment, why_not, zones_of
from tests.support.cases import each_case

LONDON = ZoneInfo("Europe/London")
NINE_TO_FIVE = (Span(9 * 60, 17 * 60),)
MOBILE = "447700900123"


def office(*, week: tuple[tuple[Span, ...], ...] = (*[NINE_TO_FIVE] * 5, (), ()), zone: ZoneInfo = LONDON) -> Calendar:
    return Calendar("office", zone, week, {}, {}, Place("flows/shared.yaml", 1, 1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@each_case(
    ("number", "zones"),
    [
        (
            MOBILE,
            {"Europe/London", "Europe/Guernsey", "Europe/Isle_of_Man"},
        ),  # of a range reserved for films: by its prefix
        ("442079460000", {"Europe/London"}),
        ("12125551234", {"America/New_York"}),
        ("870123456", set()),  # a satellite
        ("999", set()),
        ("", set()),
    ],
)
def test_a_number_has_these_possible_time_zones(number: str, zones: set[str]) -> None:
    assert zones == {zone.key for zone in zones_of(number)}


def test_a_mobile_number_may_be_anywhere_in_its_country() -> None:
    assert {"Australia/Sydney", "Australia/Perth"} <= {zone.key for zone in zones_of("61412345678")}


@each_case(
    ("now", "moment"),
    [
        ("2026-03-27T12:00+00:00", "2026-03-27T12:00+00:00"),
        ("2026-03-27T20:59:59+00:00", "2026-03-27T20:59:59+00:00"),
        ("2026-03-27T21:00+00:00", "2026-03-28T08:00+00:00"),
        ("2026-03-27T07:59+00:00", "2026-03-27T08:00+00:00"),
        ("2026-03-28T22:30+00:00", "2026-03-29T08:00+01:00"),  # the clocks go forward that night
        ("2026-10-24T22:30+01:00", "2026-10-25T08:00+00:00"),  # and back this night
    ],
)
def test_nobody_is_called_at_night(now: str, moment: str) -> None:
    assert at(moment) == next_moment(at(now), zones_of(MOBILE), None)


def test_it_must_be_daytime_in_every_zone() -> None:
    zones = (ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles"))

    assert at("2026-06-01T08:00-07:00") == next_moment(at("2026-06-01T08:00-04:00"), zones, None)
    assert at("2026-06-02T08:00-07:00") == next_moment(at("2026-06-01T21:00-04:00"), zones, None)


@each_case(
    ("number", "now", "why"),
    [
        (MOBILE, "2026-03-27T12:00+00:00", ""),
        ("442079460000", "2026-03-27T21:00+00:00", "it is night in Europe/London: no calls from 21:00 to 08:00"),
        ("442079460000", "2026-03-27T08:30+00:00", 'the opening hours "office" do not include this time'),
        ("870123456", "2026-03-27T23:00+00:00", 'the opening hours "office" do not include this time'),
    ],
)
def test_the_reason_why_a_call_waits_is_given(number: str, now: str, why: str) -> None:
    assert why == why_not(at(now), zones_of(number), office())


def test_no_time_is_allowed_if_it_is_always_night_in_one_of_the_zones() -> None:
    zones = tuple(map(ZoneInfo, ("Pacific/Auckland", "Europe/London", "America/New_York")))

    assert next_moment(at("2026-06-01T12:00+00:00"), zones, None) is None


@each_case(
    ("now", "moment"),
    [
        ("2026-03-27T16:59:59+00:00", "2026-03-27T16:59:59+00:00"),  # a Friday
        ("2026-03-27T17:00+00:00", "2026-03-30T09:00+01:00"),  # after the clocks have changed
        ("2026-03-29T10:00+01:00", "2026-03-30T09:00+01:00"),
    ],
)
def test_an_attempt_waits_for_the_office_to_open(now: str, moment: str) -> None:
    assert at(moment) == next_moment(at(now), (), office())


def test_an_office_that_opens_only_at_night_calls_nobody() -> None:
    night = ((Span(22 * 60, 23 * 60),),) * 7

    assert next_moment(at("2026-03-27T12:00+00:00"), zones_of(MOBILE), office(week=night)) is None
    assert at("2026-03-27T22:00+00:00") == next_moment(at("2026-03-27T12:00+00:00"), (), office(week=night))


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: at("2026-01-01T00:00+00:00") + timedelta(minutes=minutes)),
    st.sampled_from([MOBILE, "12125551234", "61412345678", "5511987654321", "919812345678"]),
    st.booleans(),
)
def test_the_next_allowed_time_is_the_earliest_in_daytime_and_opening_hours(
    now: datetime, number: str, is_office: bool
) -> None:
    zones = zones_of(number)
    calendar = office(zone=zones[0]) if is_office else None

    def fits(moment: datetime) -> bool:
        is_day = all(8 <= moment.astimezone(zone).hour < 21 for zone in zones)
        return is_day and (calendar is None or calendar.is_open(moment))

    moment = next_moment(now, zones, calendar)

    assert moment is not None
    assert now <= moment <= now + timedelta(days=MOST_DAYS)
    assert fits(moment)
    before = moment - timedelta(minutes=1)
    assert moment == now or before < now or not fits(before)
