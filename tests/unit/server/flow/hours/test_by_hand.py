"""Hours that somebody decided by hand come before those of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.hours.calendar import NEVER, ByHand, Calendar, Span, seconds
from ncco_server.flow.nodes import Place
from tests.support.examples import examples

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


@pytest.mark.parametrize(
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
