"""Five typos in one project: most are reported at once, with hardly any false issue among them."""

from __future__ import annotations

from tests.support.mistakes import SLIPS, outcomes

PROJECTS = 20


def test_most_of_five_typos_are_reported_at_once() -> None:
    found = [*outcomes(PROJECTS, seed=101)]
    reported = sum(SLIPS - len(each.missed) for each in found)

    assert reported >= 4.2 * PROJECTS
    assert sum(bool(each.follow_ups) for each in found) <= 0.1 * PROJECTS
