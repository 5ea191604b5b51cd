from __future__ import annotations

import pytest

from ncco_server.service.poller import LONGEST_BACKOFF_S, Schedule
from tests.support.cases import each_case


@each_case(
    ("expected", "tries"),
    [(5.0, 1), (20.0, 2), (80.0, 3), (320.0, 4), (LONGEST_BACKOFF_S, 9), (LONGEST_BACKOFF_S, 10_000)],
)
def test_each_wait_is_four_times_the_previous_one_up_to_a_limit(expected: float, tries: int) -> None:
    assert expected == Schedule(draw=lambda: 0.5).wait_s(tries)


@pytest.mark.parametrize(("expected", "drawn"), [(3.75, 0.0), (6.25, 1.0)])
def test_waits_differ_by_a_quarter(expected: float, drawn: float) -> None:
    assert expected == Schedule(draw=lambda: drawn).wait_s(1)


@each_case(("expected", "asked_s"), [(5.0, 1.0), (30.0, 30.0), (LONGEST_BACKOFF_S, 1e300)])
def test_receiver_gets_the_time_it_asks_for_within_bounds(expected: float, asked_s: float) -> None:
    assert expected == Schedule(draw=lambda: 0.5).wait_s(1, asked_s)


def test_ten_tries_take_a_night() -> None:
    schedule = Schedule(draw=lambda: 0.5)

    assert 18 < sum(schedule.wait_s(tries) for tries in range(1, schedule.tries)) / 3600 < 20
