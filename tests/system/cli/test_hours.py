"""`ncco hours`: when opening hours are open."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from ncco_server.desk.commands.hours import state_of
from ncco_server.flow.loader import load
from tests.support.command import ncco
from tests.system.cli.projects import SHOP, write_project

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


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    write_project(tmp_path, shared=SHARED, shop=SHOP)


def test_all_hours_for_a_person() -> None:
    shown = ncco("hours")

    assert (0, "") == (shown.exit_code, shown.stderr)
    hotline, office = shown.stdout.splitlines()
    assert "hotline  UTC            flows/shared.yaml:8  always open" == hotline
    until = r"(open until|closed( \(.+\))?, opens) \w+ \d+ \w+( \d+)? \d\d:\d\d"
    assert re.fullmatch(rf"office   Europe/London  flows/shared\.yaml:3  {until}", office)


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
    moment = office.at(datetime.fromisoformat(now))

    assert state == state_of(moment)


def test_times_that_never_occur_are_null_for_a_program() -> None:
    listed = json.loads(ncco("hours", "--format", "json").stdout)

    assert ["hotline", "office"] == [each["name"] for each in listed]
    assert (None, None, "open") == tuple(listed[0][word] for word in ("next_open", "next_close", "reason"))
