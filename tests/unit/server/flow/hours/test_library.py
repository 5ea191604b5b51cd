"""Computed holidays, and their text among the sources of a flow."""

from __future__ import annotations

import json
from datetime import date
from zoneinfo import ZoneInfo

from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.hours.public_holidays import (
    country_names,
    dates_from_json,
    dates_to_json,
    library_dates,
    regions_of,
)
from ncco_server.flow.loader import calendar_sources
from tests.support.cases import each_case
from tests.unit.server.flow.hours.reading_hours import SAMPLE, read

PATH = "calendars/GB-ENG.json"


def test_computed_dates_are_a_source() -> None:
    sources = calendar_sources(read(SAMPLE)[0].values())
    written = json.loads(sources[PATH])

    assert [PATH] == list(sources)
    assert (2024, 2040, "Christmas Day") == (written["from"], written["to"], written["dates"]["2026-12-25"])
    assert sorted(written["dates"]) == list(written["dates"])


def test_the_sources_give_the_same_calendar() -> None:
    calendars, _ = read(SAMPLE)

    assert calendars == read(SAMPLE, calendar_sources(calendars.values()))[0]


@each_case("damaged", ["", "[]", "{}", '{"dates": []}', '{"dates": {"soon": "x"}}', "null"])
def test_damaged_dates_are_computed_again(damaged: str) -> None:
    assert read(SAMPLE)[0] == read(SAMPLE, {PATH: damaged})[0]


def test_a_country_without_holidays_is_a_source_too() -> None:
    calendars, _ = read(SAMPLE, {PATH: dates_to_json({})})

    assert {} == calendars["office"].holidays
    assert {PATH: dates_to_json({})} == calendar_sources(calendars.values())


def test_dates_written_in_the_flow_are_not_a_source() -> None:
    own = Calendar("x", ZoneInfo("UTC"), ((),) * 7, {date(2026, 1, 1): ""}, {}, read(SAMPLE)[0]["office"].place)

    assert {} == calendar_sources([own])


@each_case(
    ("region", "path"),
    [
        ("{country: DE}", "calendars/DE.json"),
        ("{country: DE, subdivision: BY, language: en_US}", "calendars/DE-BY.en_US.json"),
        ("{country: BR, subdivision: S\u00e3o Paulo Capital}", "calendars/BR-S_o_Paulo_Capital.json"),
    ],
)
def test_the_path_names_the_region(region: str, path: str) -> None:
    written = SAMPLE.replace("{country: GB, subdivision: ENG}", region)
    calendars, _ = read(written, {path: dates_to_json({})})

    assert [path] == list(calendar_sources(calendars.values()))


def test_written_dates_can_be_read_back() -> None:
    dates = library_dates("FR")

    assert dates == dates_from_json(dates_to_json(dates))
    assert "F\u00eate du Travail" == dates[date(2026, 5, 1)]


def test_names_of_holidays_can_be_spoken() -> None:
    english = library_dates("GB", "ENG")
    saudi = library_dates("SA", "", "en_US")
    malaysian = library_dates("MY", "", "en_US")

    assert ("Easter Monday", "Boxing Day") == (english[date(2026, 4, 6)], english[date(2026, 12, 28)])
    assert [] == [name for name in saudi.values() if "observed" in name or "estimated" in name]
    assert "Malaysia Day, Prophet Muhammad's Birthday" == malaysian[date(2024, 9, 16)]


def test_a_calendar_that_knows_fewer_years_gives_those_years() -> None:
    assert date(2040, 1, 26) in library_dates("IN")


def test_countries_and_their_parts_have_names() -> None:
    assert ("United Kingdom", "England", {}) == (country_names()["GB"], regions_of("GB")["ENG"], regions_of(""))
