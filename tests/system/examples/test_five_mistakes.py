"""Five typos in one project: most are reported at once, with hardly any false issue among them."""

from __future__ import annotations

import pytest

from tests.support.mistakes import SLIPS, outcomes


def _summary(number: int, seed: int) -> tuple[float, float]:
    """The mean number of reported typos, and the share of projects with a false issue."""
    found = [*outcomes(number, seed)]
    reported = sum(SLIPS - len(each.missed) for each in found)
    return reported / number, sum(bool(each.follow_ups) for each in found) / number


def test_most_of_five_typos_are_reported_at_once() -> None:
    reported, false = _summary(20, 101)

    assert reported >= 4.2
    assert false <= 0.1


@pytest.mark.usefixtures("night")
def test_four_and_a_half_of_five_typos_are_reported_at_once_on_average() -> None:
    reported, false = _summary(300, 102)

    assert reported >= 4.5
    assert false <= 0.02
