"""`ncco hours`: when opening hours are open."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from app.cli.hours import state_of
from app.flow.hours.moment import hours_view
from app.flow.loader import load
from tests.cli.projects import SHOP, TYPO, ncco, write_project

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
OWN = SHOP.replace("start: menu\n", "start: menu\nhours:\n  own: {timezone: UTC, week: {mon-sun: 00:00-24:00}}\n")


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


def test_a_holiday_on_a_closed_day_changes_nothing() -> None:
    shown = ncco("hours", "office", "--year", "2032")

    assert "  Sun 26 Dec  closed, as usual  Boxing Day\n" in shown.stdout


def test_a_year_of_which_no_holidays_are_known_says_so() -> None:
    shown = ncco("hours", "office", "--year", "2050")

    assert "\npublic holidays are known for 2024 to 2040, so 2050 has none\n" in shown.stdout


def test_a_year_without_a_name_is_refused() -> None:
    refused = ncco("hours", "--year", "2027")

    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "--year needs the NAME of opening hours" in refused.stderr


def test_without_a_year_it_is_this_one() -> None:
    shown = json.loads(ncco("hours", "hotline", "--format", "json").stdout)

    assert shown["year"] >= 2026
    assert shown["open_minutes"] in (8760 * 60, 8784 * 60)


def test_a_year_for_a_program(tmp_path: Path) -> None:
    write_project(tmp_path, shared=BAR)

    shown = ncco("hours", "bar", "--year", "2027", "--format", "json")
    document = json.loads(shown.stdout)

    assert "" == shown.stderr
    assert ("bar", "Europe/Berlin", "flows/shared.yaml", 3) == tuple(
        document[word] for word in ("name", "timezone", "file", "line")
    )
    assert [["18:00", "03:30"]] == document["week"]["fri"]
    assert (2027, 1078 * 60, 159, True) == tuple(
        document[word] for word in ("year", "open_minutes", "open_days", "holidays_known")
    )
    assert {
        "from": "2027-06-01",
        "to": "2027-06-01",
        "hours": [["20:00", "01:00"]],
        "reason": "override",
        "name": "",
    } == document["exceptions"][0]
    assert {"from": "2027-03-28T02:00", "to": "2027-03-28T03:00", "open_minutes": -60} == document["clock_changes"][0]
    assert {"date": "2027-01-03", "hours": ["02:30", "04:00"]} == document["overlaps"][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d\+0[12]:00", document["next_open"])


def test_gaps_for_a_program() -> None:
    gaps = json.loads(ncco("hours", "office", "--year", "2027", "--format", "json").stdout)["gaps"]

    assert {"from": "2027-12-24", "to": "2028-01-03", "days": 11} == gaps[-1]


def test_the_list_tells_where_hours_are_written_and_how_they_stand(tmp_path: Path) -> None:
    gone = "  gone: {timezone: UTC, week: {}, override: {2020-01-01: 09:00-10:00}}\n"
    fair = "  fair: {timezone: UTC, week: {mon-sun: 00:00-24:00}, override: {2000-01-01: closed}}\n"
    write_project(tmp_path, shared="shared: true\nhours:\n" + gone + fair, shop=OWN)

    assert [
        "fair      UTC  flows/shared.yaml:4  always open",
        "gone      UTC  flows/shared.yaml:3  closed, and does not open any more",
        "shop.own  UTC  flows/shop.yaml:5    always open",
    ] == ncco("hours").stdout.splitlines()


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


def test_a_project_without_hours_says_how_to_write_some(tmp_path: Path) -> None:
    (tmp_path / "flows/shared.yaml").unlink()

    shown = ncco("hours")

    assert 0 == shown.exit_code
    assert "no opening hours: add `hours: {office: " in shown.stdout
    assert "[]\n" == ncco("hours", "--format", "json").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["offce"], 'there are no hours "offce"\n  cure: did you mean "office"?'),
        (["xyz"], 'there are no hours "xyz"\n  cure: there are: hotline, office'),
        (["office", "--year", "1999"], "1999 is not in the range 2000<=x<=2100"),
        (["office", "--flows", "nowhere"], "there is no folder of flows at nowhere"),
    ],
)
def test_what_cannot_be_shown_ends_with_2_and_a_cure(words: list[str], message: str) -> None:
    shown = ncco("hours", *words)

    assert 2 == shown.exit_code
    assert message in shown.stderr


def test_without_any_hours_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "flows/shared.yaml").unlink()

    assert "cure: there are: none" in ncco("hours", "office").stderr


def test_faults_are_shown_and_end_with_1(tmp_path: Path) -> None:
    write_project(tmp_path, shared=SHARED.replace("Europe/London", "Europe/Lodon"), shop=TYPO)

    shown = ncco("hours", "office")

    assert (1, "") == (shown.exit_code, shown.stdout)
    assert "flows/shared.yaml:4:15  E500" in shown.stderr
    assert "flows/shop.yaml:9:30  E214" in shown.stderr


def test_the_place_is_one_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "flows").rename(tmp_path / "calls")

    assert "  calls/shared.yaml:3" in ncco("hours", "office", "--flows", "calls").stdout.splitlines()[0]
