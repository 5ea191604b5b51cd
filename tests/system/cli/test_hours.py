"""`ncco hours`: when opening hours are open."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from app.cli.hours import state_of
from app.flow.hours.calendar import hours_view
from app.flow.loader import load
from tests.system.cli.projects import SHOP, ncco, write_project

SHARED = """\
shared: true
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}
    holidays: {country: GB, subdivision: ENG}
    override: {2026-12-24: 09:00-12:00, 2027-12-24..2027-12-31: {hours: closed, name: Works holidays}}
  hotline: {timezone: UTC, week: {mon-sun: 00:00-24:00}}
"""
BAR = """\
shared: true
hours:
  bar:
    timezone: Europe/Berlin
    week: {fri: 18:00-03:30, sat: 18:00-04:00, sun: 02:30-05:00}
    override: {2027-06-01: 20:00-01:00, 2027-06-02: 00:30-02:00}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    write_project(tmp_path, shared=SHARED, shop=SHOP)


def test_a_year_for_a_person() -> None:
    shown = ncco("hours", "office", "--year", "2027")
    lines = shown.stdout.splitlines()

    assert (0, "") == (shown.exit_code, shown.stderr)
    assert "office  Europe/London  flows/shared.yaml:3" == lines[0]
    assert re.fullmatch(r"now: (open until|closed( \(.+\))?, opens) \w+ \d+ \w+( \d+)? \d\d:\d\d", lines[1])
    assert [
        "",
        "  mon-fri  09:00-17:30",
        "  sat      10:00-14:00",
        "  sun      closed",
        "",
        "2027: open 2,320 h 30 min on 300 days",
        "",
        "holidays and other dates",
        "  Fri 1 Jan                closed  New Year's Day",
        "  Fri 26 Mar               closed  Good Friday",
        "  Mon 29 Mar               closed  Easter Monday",
        "  Mon 3 May                closed  May Day",
        "  Mon 31 May               closed  Spring Bank Holiday",
        "  Mon 30 Aug               closed  Late Summer Bank Holiday",
        "  Fri 24 Dec - Fri 31 Dec  closed  Works holidays",
        "",
        "gaps",
        "  closed for 2 days in a row:   Sun 28 Mar - Mon 29 Mar",
        "  closed for 2 days in a row:   Sun 2 May - Mon 3 May",
        "  closed for 2 days in a row:   Sun 30 May - Mon 31 May",
        "  closed for 2 days in a row:   Sun 29 Aug - Mon 30 Aug",
        "  closed for 11 days in a row:  Fri 24 Dec - Mon 3 Jan 2028",
    ] == lines[2:]


def test_hours_of_nights(tmp_path: Path) -> None:
    write_project(tmp_path, shared=BAR)

    assert [
        "  mon-thu  closed",
        "  fri      18:00-03:30",
        "  sat      18:00-04:00",
        "  sun      02:30-05:00",
        "",
        "2027: open 1,078 h on 159 days",
        "",
        "holidays and other dates",
        "  Tue 1 Jun  20:00-01:00  override",
        "  Wed 2 Jun  00:30-02:00  override",
        "",
        "clock changes during opening hours",
        "  Sun 28 Mar  forward from 02:00 to 03:00  open 1 h shorter than shown",
        "  Sun 31 Oct  back from 03:00 to 02:00     open 1 h longer than shown",
        "",
        "overlaps",
        "  Sun 3 Jan and 51 more  02:30-04:00  the hours of the day before are not over yet",
        "  Wed 2 Jun              00:30-01:00  the hours of the day before are not over yet",
    ] == ncco("hours", "bar", "--year", "2027").stdout.splitlines()[3:]


def test_gaps_for_a_program() -> None:
    gaps = json.loads(ncco("hours", "office", "--year", "2027", "--format", "json").stdout)["gaps"]

    assert {"from": "2027-12-24", "to": "2028-01-03", "days": 11} == gaps[-1]


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2026-12-23T10:00Z", "open until Wed 23 Dec 17:30"),
        ("2026-12-23T20:00Z", "closed, opens Thu 24 Dec 09:00"),
        ("2026-12-24T13:00Z", "closed (override), opens Tue 29 Dec 09:00"),
        ("2026-12-25T13:00Z", "closed (Christmas Day), opens Tue 29 Dec 09:00"),
        ("2027-12-30T13:00Z", "closed (Works holidays), opens Tue 4 Jan 2028 09:00"),
    ],
)
def test_the_state_says_why_it_is_closed_and_when_it_opens(now: str, state: str) -> None:
    office = load({"flows/shared.yaml": SHARED}, {}).calendars["office"]
    moment = hours_view({"office": office}, datetime.fromisoformat(now))["office"]

    assert state == state_of(moment)


def test_turns_that_never_come_are_null_for_a_program() -> None:
    listed = json.loads(ncco("hours", "--format", "json").stdout)

    assert ["hotline", "office"] == [each["name"] for each in listed]
    assert (None, None, "open") == tuple(listed[0][word] for word in ("next_open", "next_close", "reason"))
