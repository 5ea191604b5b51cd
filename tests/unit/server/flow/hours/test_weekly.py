"""Hours in other notations, and hours that were probably meant differently."""

from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case
from tests.unit.server.flow.hours.reading_hours import read, text_of, told

FLOW = """\
flow: shop
default: true
start: open
hours: {office: {timezone: Europe/London, week: {mon-fri: "HOURS"}}}
steps: {open: {branch: [{if: hours.office.open, goto: end}, {else: end}]}}
"""


@each_case(
    ("part", "written", "codes"),
    [
        ("week", "{mon: 9 to 5}", ["E501"]),
        ("week", "{mon: '25:00-26:00'}", ["E501"]),
        ("week", "{mon: '9:75-17:00'}", ["E501"]),
        ("week", "{mon: 9am-5pm}", ["E501"]),
        ("week", "{mon: '0:00-0:00'}", ["E501"]),
        ("week", "{mon: [09:00-10:00, 09:30-12:00]}", ["E501"]),
        ("week", "{mon: '{{ hours }}'}", ["E501"]),
        ("week", "{mon: {a: b}}", ["E201"]),
        ("week", "{mondey: closed}", ["E504"]),
        ("week", "{mon-tue-wed: closed}", ["E504"]),
        ("week", "{mon: 09:00-12:00, mon-tue: 10:00-11:00}", ["E504"]),
        ("week", "{2026-12-24: closed}", ["E504"]),
        ("zone", "Europe/Lodon", ["E500"]),
        ("holidays", "{Christmas: 2026-12-25}", ["E202"]),
        ("holidays", "GB", ["E201"]),
        ("holidays", "{country: XX}", ["E508"]),
        ("holidays", "{country: DE, subdivision: Bavaria}", ["E508"]),
        ("holidays", "{country: DE, language: en}", ["E508"]),
        ("holidays", "{country: SM, subdivision: X}", ["E508"]),
        ("holidays", "[24.12.2026]", ["E506"]),
        ("holidays", "[2026-02-30]", ["E506"]),
        ("holidays", "[2126-12-24]", ["E506"]),
        ("holidays", "[2026-12-24, 2026-12-24]", ["E506"]),
        ("holidays", "[2026-12-24..2026-12-20]", ["E506"]),
        ("holidays", "[2026-01-01..2027-06-01]", ["E506"]),
        ("holidays", "{2026-12-24: 09:00-12:00}", ["E501"]),
        ("holidays", "{2026-12-24: '{{ name }}'}", ["E501"]),
        ("override", "{2026-12-24: closed, 2026-12-20..2026-12-28: closed}", ["E506"]),
        ("override", "{2026-12-24: {name: Inventory}}", ["E204"]),
    ],
)
def test_what_is_not_in_the_documented_notation_is_an_error(part: str, written: str, codes: list[str]) -> None:
    issues = told(text_of(**{"week": "{mon: 09:00-12:00}", "zone": "Europe/London", part: written}))
    never_open = "W522"  # follows from hours that cannot be read

    assert codes == [code for _, code, _ in issues if code != never_open]


@each_case(
    ("part", "written", "meant"),
    [
        ("week", "{mondey: closed}", "monday"),
        ("zone", "Europe/Lodon", "Europe/London"),
        ("holidays", "{country: DE, subdivision: Ausburg}", "Augsburg"),
    ],
)
def test_a_near_word_is_offered(part: str, written: str, meant: str) -> None:
    (cure, *_) = [cure for _, _, cure in told(text_of(**{"week": "{mon: 09:00-12:00}", part: written}))]

    assert f'did you mean "{meant}"?' == cure


@each_case(("country", "expected"), [("GB", ["W523"]), ("DE", ["W523"]), ("JP", []), ("XK", [])])
def test_utc_is_doubtful_where_the_clocks_change(country: str, expected: list[str]) -> None:
    found = told(text_of("{mon: 09:00-12:00}", "UTC", holidays=f"{{country: {country}}}"))

    assert expected == [code for _, code, _ in found]


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
    "written",
    [
        *("17:30-09:00", "17:59-06:00", "18:00-08:01", "17:59-08:00", "12:30-12:00", "12:00-09:00"),  # swapped
        *("09:00-05:00", "11:00-05:01", "08:00-02:01", "11:59-11:58", "10:00-09:00"),  # am, pm
    ],
)
def test_hours_that_last_too_long_past_midnight_are_reported(written: str) -> None:
    assert ["W522"] == [issue.code for issue in load({"flows/shop.yaml": FLOW.replace("HOURS", written)}).issues]


@each_case(
    ("week", "codes"),
    [
        ("{mon: 20:00-06:00, tue: 06:00-12:00}", []),
        ("{mon: 20:00-06:00, tue: 05:59-12:00}", []),
        ("{mon: 20:00-06:00}", []),
        ("{mon: 20:00-06:00, tue: closed}", []),
        ("{mon: 09:00-12:00, tue: 09:00-12:00}", []),
        ("{mon: 09:00-09:00}", ["E501"]),
        ("{mon: 09:00-09:01}", []),
    ],
)
def test_hours_may_touch_but_not_be_empty(week: str, codes: list[str]) -> None:
    text = FLOW.replace('{mon-fri: "HOURS"}', week)

    assert codes == [issue.code for issue in load({"flows/shop.yaml": text}).issues]
