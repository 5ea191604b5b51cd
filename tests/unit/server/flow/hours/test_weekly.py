"""Suggestions for hours that were probably meant differently."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from ncco_server.flow.hours.weekly import is_hours, meant_spans
from ncco_server.flow.loader import load
from tests.support.cases import each_case
from tests.unit.server.flow.hours.reading_hours import read, text_of, told

CURES: Final[dict[str, dict[str, list[str]]]] = yaml.load(
    Path(__file__).with_name("cures.yaml").read_bytes(), yaml.CSafeLoader
)

FLOW = """\
flow: shop
default: true
start: open
hours: {office: {timezone: Europe/London, week: {mon-fri: "HOURS"}}}
steps: {open: {branch: [{if: hours.office.open, goto: end}, {else: end}]}}
"""


@each_case(
    ("part", "written", "expected"),
    [(part, written, expected) for part, cases in CURES.items() for written, expected in cases.items()],
)
def test_a_mistake_has_this_cure(part: str, written: str, expected: list[str]) -> None:
    words = {"week": "{mon: 09:00-12:00}", "zone": "Europe/London", part: written}
    issues = told(text_of(**words))
    never_open = "W522"  # follows from hours that cannot be read

    assert expected == [f"{code} {cure}" for _, code, cure in issues if code != never_open]


@each_case(
    ("country", "expected"),
    [
        ("GB", ["write `timezone: Europe/London`"]),
        ("DE", ["write a city's zone, such as Europe/London"]),
        ("JP", []),
        ("XK", []),
    ],
)
def test_utc_is_doubtful_where_the_clocks_change(country: str, expected: list[str]) -> None:
    found = told(text_of("{mon: 09:00-12:00}", "UTC", holidays=f"{{country: {country}}}"))

    assert expected == [cure for _, _, cure in found]


@each_case(
    ("written", "expected"),
    [("24.12.2026", True), ("12/13/2026", True), ("2026/01/02", True), ("01/01/2026", True), ("01/02/2026", False)],
)
def test_a_date_is_changed_automatically_if_its_month_is_certain(written: str, *, expected: bool) -> None:
    (issue,) = read(text_of("{mon: 09:00-12:00}", holidays=f"[{written}]"))[1]

    assert expected is (issue.quick_fix is not None)


@each_case(
    ("text", "expected"),
    [("closed", True), ("09:00-12:00, 13:00-17:00", True), ("9-12", False), ("09:00-25:00", False)],
)
def test_hours_are_recognised(text: str, *, expected: bool) -> None:
    assert expected is is_hours(text)


def test_hours_in_the_notation_of_flows_are_what_is_meant() -> None:
    assert ((9 * 60, 29 * 60),) == meant_spans("9:00-5:00")


@each_case(
    ("dates", "when"),
    [("{2026-12-24: 09:00-12:00, 2026-12-25: closed}", " after 2026-12-24"), ("{2026-12-25: closed}", "")],
)
def test_hours_that_end_with_a_date_are_told(dates: str, when: str) -> None:
    (issue,) = read(text_of("{}", override=dates))[1]

    assert f'the hours "office" never open{when}' == issue.message


@each_case(
    "written",
    [
        *("12:00-01:00", "11:00-02:00", "08:00-02:00", "12:00-05:59", "17:59-05:59"),  # restaurants, bars
        *("18:00-08:00", "23:59-08:00", "20:00-08:00", "23:00-09:00"),  # night services
        *("18:01-06:01", "17:59-05:59", "12:00-24:00", "00:00-24:00", "20:00-00:00"),  # half a day, or not a night
    ],
)
def test_night_hours_are_valid(written: str) -> None:
    assert () == load({"flows/shop.yaml": FLOW.replace("HOURS", written)}).issues


@each_case(
    ("written", "meant"),
    [
        ("17:30-09:00", "09:00-17:30"),  # swapped
        *(("17:59-06:00", "06:00-17:59"), ("18:00-08:01", "08:01-18:00"), ("17:59-08:00", "08:00-17:59")),
        *(("12:30-12:00", "12:00-12:30"), ("12:00-09:00", "09:00-12:00")),
        *(("09:00-05:00", "09:00-17:00"), ("11:00-05:01", "11:00-17:01"), ("08:00-02:01", "08:00-14:01")),  # am, pm
        *(("11:59-11:58", "11:59-23:58"), ("10:00-09:00", "10:00-21:00")),
    ],
)
def test_hours_that_last_too_long_past_midnight_are_reported(written: str, meant: str) -> None:
    found = load({"flows/shop.yaml": FLOW.replace("HOURS", written)}).issues

    assert [("W520", f"did you mean {meant}?")] == [(issue.code, str(issue.cure)) for issue in found]
    assert () == load({"flows/shop.yaml": FLOW.replace("HOURS", meant)}).issues


@each_case(
    ("week", "codes"),
    [
        ("{mon: 20:00-06:00, tue: 06:00-12:00}", []),
        ("{mon: 20:00-06:00, tue: 05:59-12:00}", ["W521"]),
        ("{mon: 20:00-06:00}", []),
        ("{mon: 20:00-06:00, tue: closed}", []),
        ("{mon: 09:00-12:00, tue: 09:00-12:00}", []),
        ("{mon: 09:00-09:00}", ["E502"]),
        ("{mon: 09:00-09:01}", []),
    ],
)
def test_hours_may_touch_but_not_overlap_or_be_empty(week: str, codes: list[str]) -> None:
    text = FLOW.replace('{mon-fri: "HOURS"}', week)

    assert codes == [issue.code for issue in load({"flows/shop.yaml": text}).issues]
