"""Holidays: of a country, own ones, and both."""

from __future__ import annotations

from datetime import date

import pytest

from tests.flow.hours.reading_hours import calendar, read, text_of, told

WEEK = "{mon: 09:00-10:00}"
EXAMPLE = "write `holidays: {country: GB}`, or a list of dates: `holidays: [2026-12-24]`"
BOXING_DAY = date(2026, 12, 26)
EVE = date(2026, 12, 24)


def test_holidays_of_a_country() -> None:
    holidays = calendar(WEEK, holidays="{country: GB, subdivision: ENG}").holidays

    assert "Boxing Day" == holidays[BOXING_DAY]
    assert EVE not in holidays
    assert {2024, 2040} == {min(holidays).year, max(holidays).year}


def test_a_subdivision_may_be_told_by_its_name() -> None:
    by_name = calendar(WEEK, holidays="{country: GB, subdivision: Scotland}").holidays

    assert by_name == calendar(WEEK, holidays="{country: GB, subdivision: SCT}").holidays
    assert date(2026, 11, 30) in by_name


def test_names_are_in_the_language_of_the_country_unless_told() -> None:
    assert "Neujahr" == calendar(WEEK, holidays="{country: DE}").holidays[date(2027, 1, 1)]
    assert "New Year's Day" == calendar(WEEK, holidays="{country: DE, language: en_US}").holidays[date(2027, 1, 1)]


def test_own_holidays_are_dates_with_or_without_names() -> None:
    assert {EVE: ""} == calendar(WEEK, holidays="[2026-12-24]").holidays
    assert {EVE: "Christmas Eve"} == calendar(WEEK, holidays="{2026-12-24: Christmas Eve}").holidays
    assert {EVE: "Eve", BOXING_DAY: ""} == calendar(WEEK, holidays="[{2026-12-24: Eve}, 2026-12-26]").holidays


def test_own_names_win_and_own_dates_keep_the_name_of_the_country() -> None:
    named = calendar(WEEK, holidays="[{2026-12-26: Family day}, {country: GB}, 2026-12-25]").holidays

    assert ("Family day", "Christmas Day") == (named[BOXING_DAY], named[date(2026, 12, 25)])


def test_the_first_country_gives_the_name() -> None:
    both = calendar(WEEK, holidays="[{country: GB}, {country: DE}]")

    assert ("Christmas Day", "Tag der Deutschen Einheit") == (
        both.holidays[date(2026, 12, 25)],
        both.holidays[date(2026, 10, 3)],
    )
    assert ["calendars/GB.json", "calendars/DE.json"] == list(both.sources)


@pytest.mark.parametrize(
    ("written", "place", "code", "cure"),
    [
        ("{country: UK}", "5:25", "E508", 'did you mean "GB"?'),
        ("{country: gb}", "5:25", "E508", 'did you mean "GB"?'),
        ("{country: United Kingdom}", "5:25", "E508", 'did you mean "GB"?'),
        ("{country: Germny}", "5:25", "E508", 'did you mean "DE"?'),
        ("{country: England}", "5:25", "E508", "write `country: GB, subdivision: ENG`"),
        ("{country: us-ca}", "5:25", "E508", "write `country: US, subdivision: CA`"),
        ("{country: X-Y}", "5:25", "E508", "write the two letters of ISO 3166, such as GB, DE or US"),
        ("{country: XX}", "5:25", "E508", "write the two letters of ISO 3166, such as GB, DE or US"),
        ('{country: ""}', "5:25", "E508", "write the two letters of ISO 3166, such as GB, DE or US"),
        ("{country: '{{ env.LAND }}'}", "5:26", "E512", "write the text itself, without braces"),
        ("{country: GB, subdivision: GB-ENG}", "5:42", "E509", 'did you mean "ENG"?'),
        ("{country: GB, subdivision: Englnd}", "5:42", "E509", 'did you mean "ENG"?'),
        ("{country: GB, subdivision: X}", "5:42", "E509", "known are: ENG, NIR, SCT, WLS"),
        ("{country: VA, subdivision: X}", "5:42", "E509", "delete `subdivision`: VA has only one"),
        ("{country: GB, language: en}", "5:39", "E510", 'did you mean "en_GB"?'),
        ("{country: GB, language: en-GB}", "5:39", "E510", 'did you mean "en_GB"?'),
        ("{country: GB, language: de}", "5:39", "E510", "known are: en_GB, en_US, th, ur_PK"),
        ("{country: GB, state: ENG}", "5:29", "E202", "write `subdivision`"),
        ("{cuntry: GB}", "5:16", "E202", 'did you mean "country"?'),
        ("{country: GB, 2026-12-24: Eve}", "5:29", "E202", "write a list: `[{country: GB}, 2026-12-24]`"),
        ("{subdivision: ENG}", "5:15", "E204", "write `country: GB`"),
        ("{}", "5:15", "E204", "write `country: GB`"),
        ("{country: [GB]}", "5:25", "E201", "write a text here"),
        ("{country: GB, subdivision: [ENG]}", "5:42", "E201", "write a text here"),
        ("{country: , subdivision: ENG}", "5:16", "E103", None),
        ("GB", "5:15", "E201", "write `holidays: {country: GB}`"),
        ("2026-12-24", "5:15", "E201", "write `holidays: [2026-12-24]`"),
        ("none", "5:15", "E201", "delete `holidays` when there are none"),
        ("bank", "5:15", "E201", EXAMPLE),
        ("[[2026-12-24]]", "5:16", "E201", EXAMPLE),
        ("{2026-12-24: [Eve]}", "5:28", "E201", "write a text here"),
        ("{2026-12-24: '{{ name }}'}", "5:29", "E512", "write the text itself, without braces"),
        (
            "{2026-12-24: 09:00-12:00}",
            "5:28",
            "E513",
            "hours of a date stand under `override`: {2026-12-24: 09:00-12:00}",
        ),
        ("{2026-12-24: closed}", "5:28", "E513", "hours of a date stand under `override`: {2026-12-24: closed}"),
    ],
)
def test_faulty_holidays(written: str, place: str, code: str, cure: str | None) -> None:
    issues = told(text_of(WEEK, holidays=written))

    assert [(place, code)] == [each[:2] for each in issues]
    assert cure in (issues[0][2], None)


def test_both_faults_of_a_region_are_told() -> None:
    written = "{country: GB, subdivision: X, language: de}"

    assert ["E509", "E510"] == [each[1] for each in told(text_of(WEEK, holidays=written))]


def test_no_value_is_one_issue() -> None:
    assert ["E103"] == [each[1] for each in told(text_of(WEEK, holidays=""))]
    assert ["E103"] == [each[1] for each in told(text_of(WEEK, holidays="{2026-12-24: }"))]
    assert ["E103"] == [each[1] for each in told(text_of(WEEK, holidays="[2026-12-24, , 2026-12-25]"))]


def test_an_empty_list_is_no_holidays() -> None:
    assert ({}, []) == (read(text_of(WEEK, holidays="[]"))[0]["office"].holidays, told(text_of(WEEK, holidays="[]")))
