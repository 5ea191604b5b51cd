"""The name of a day that is said, where some date has none."""

from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import faults

HOURS = """\
hours:
  shop: {timezone: Europe/London, week: {mon-fri: 09:00-17:00}, %s}
"""
SAID = "We are closed for {{ hours.shop.holiday }}."
HOLIDAY = 'hours.shop.reason == "holiday"'
EITHER = f'{HOLIDAY} or hours.shop.reason == "override"'
NO_NAME = '"hours.shop.holiday" is empty on 2026-12-27: this date has no name'


def told(dates: str, said: str = SAID, condition: str = HOLIDAY) -> list[str]:
    """Code and message of every issue of a flow that says what day it is, behind a condition."""
    steps = f"""\
hello:
  branch:
    - if: {condition}
      goto: closed
    - else: end
closed:
  do: [{{talk: '{said}'}}, {{talk: '{said}'}}]
  goto: end
"""
    return [fault.partition(" ")[2] for fault in faults(steps, HOURS % dates)]


@pytest.mark.parametrize(
    ("dates", "condition"),
    [
        ("holidays: [2026-12-27]", HOLIDAY),
        ("holidays: [{country: GB, subdivision: ENG}, 2026-12-27]", HOLIDAY),
        ("holidays: [2026-12-27..2026-12-31]", HOLIDAY),
        ("holidays: [{country: GB, subdivision: ENG}], override: {2026-12-27: closed}", EITHER),
        ("override: {2026-12-27: {hours: closed}}", EITHER),
        ("override: {2026-12-28: {hours: closed}, 2026-12-27: 12:00-13:00}", EITHER),
    ],
)
def test_a_date_without_a_name_is_told_where_its_name_is_said(dates: str, condition: str) -> None:
    assert [f"W639 {NO_NAME}"] == told(dates, condition=condition)


@pytest.mark.parametrize(
    ("dates", "said", "condition"),
    [
        ("holidays: {country: GB, subdivision: ENG}", SAID, HOLIDAY),
        ("holidays: [{country: GB, subdivision: ENG}, {2026-12-27: stocktaking}]", SAID, HOLIDAY),
        ("holidays: [{country: GB, subdivision: ENG}, 2026-12-25]", SAID, HOLIDAY),
        ("holidays: [{2026-12-27: x}], override: {2026-12-27: closed}", SAID, EITHER),
        ("holidays: [2026-12-27], override: {2026-12-27: {hours: closed, name: x}}", SAID, EITHER),
        ("holidays: {country: GB, subdivision: ENG}, override: {2026-12-27: closed}", SAID, HOLIDAY),
        ("holidays: [2026-12-27]", "{% if hours.shop.holiday %}For {{ hours.shop.holiday }}.{% endif %}", HOLIDAY),
        ("holidays: [2026-12-27]", 'For {{ hours.shop.holiday | default("today", true) }}.', HOLIDAY),
        ("holidays: [2026-12-27]", SAID, 'hours.shop.holiday != ""'),
        ("holidays: [2026-12-27]", "Closed.", HOLIDAY),
        ("holidays: [2026-12-27]", "Until {{ hours.shop.next_open | spoken }}.", HOLIDAY),
        ("holidays: [2026-12-27]", "It is {{ now | spoken }}.", HOLIDAY),
    ],
)
def test_what_has_a_name_when_it_is_said_is_right(dates: str, said: str, condition: str) -> None:
    assert [] == told(dates, said, condition)


def test_a_step_for_changed_days_alone_says_no_name_of_a_holiday() -> None:
    other = 'hours.shop.reason == "override"'

    assert [] == told("holidays: [2026-12-27], override: {2026-12-28: {hours: closed, name: x}}", condition=other)


def test_a_branch_for_changed_days_leads_elsewhere() -> None:
    steps = f"""\
hello:
  branch:
    - if: {HOLIDAY}
      goto: closed
    - if: hours.shop.reason == "override"
      goto: other
    - else: end
closed: {{do: [{{talk: '{SAID}'}}], goto: end}}
other: {{do: [{{talk: Today we keep other hours.}}], goto: end}}
"""

    assert [] == faults(steps, HOURS % "holidays: {country: GB}, override: {2026-12-27: closed}")
