from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.templates.operators import COMPARISONS, compare
from ncco_server.ncco.value_types import (
    ANY,
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_NESTING,
    TYPES,
    Kind,
    Url,
    Word,
    in_utc,
    list_of,
    record,
    write,
)
from tests.support.cases import each_case
from tests.support.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@each_case(
    ("type_name", "written", "expected"),
    [
        ("text", "Hello", "Hello"),
        ("text", 3, "3"),
        ("text", 0.25, "0.25"),
        ("text", True, "true"),
        ("int", "20", 20),
        ("int", "-3", -3),
        ("int", 2.0, 2),
        ("number", "0.5", 0.5),
        ("number", "20", 20),
        ("number", 0.5, 0.5),
        ("bool", "true", True),
        ("bool", "False", False),
        ("phone", "447700900123", "447700900123"),
        ("phone", "+44 7700 900123", "447700900123"),
        ("phone", "+1 (555) 123-4567", "15551234567"),
        ("phone", "+44\u00a07700\u2013900123", "447700900123"),
        ("phone", 447700900123, "447700900123"),
        ("phone", "+44 (0)20 7946 0000", "442079460000"),
        ("url", "https://example.com/hold.mp3?x=1", "https://example.com/hold.mp3?x=1"),
        ("url", " wss://example.com/socket ", "wss://example.com/socket"),
        ("list", [("a", None), {"b": [True, 0.5]}], [["a", None], {"b": [True, 0.5]}]),
        ("list", [datetime(2026, 1, 5, 9, 30, tzinfo=UTC)], ["2026-01-05T09:30:00+00:00"]),
        ("list", [date(2026, 3, 5), time(9, 30)], ["2026-03-05", "09:30"]),
        ("map", {"a": 1}, {"a": 1}),
        ("text", date(2026, 3, 5), "2026-03-05"),
        ("date", " 2026-03-05 ", "2026-03-05"),
        ("date", date(2026, 3, 5), "2026-03-05"),
        ("time", "09:30", "09:30"),
        ("time", "9:30", "09:30"),
        ("time", "09:30:00", "09:30"),
        ("time", time(9, 30), "09:30"),
        ("time", time(9, 30, 15, 250_000), "09:30:15"),
        ("datetime", "2026-03-05T09:30Z", "2026-03-05T09:30:00+00:00"),
        ("datetime", "2026-03-05 09:30:15+01:00", "2026-03-05T09:30:15+01:00"),
        ("datetime", "2026-03-05T09:30:15.250-0330", "2026-03-05T09:30:15.250000-03:30"),
        ("datetime", datetime(2026, 3, 5, 9, 30, tzinfo=UTC), "2026-03-05T09:30:00+00:00"),
    ],
)
def test_a_value_becomes_its_type(type_name: str, written: object, expected: object) -> None:
    result = TYPES[type_name].cast(written)

    assert expected == result
    assert type(expected) is type(result)


def nested(depth: int) -> object:
    """A list in a list in a list ..."""
    return "x" if depth < 0 else [nested(depth - 1)]


ENTRIES = "entries that are texts, numbers, true or false, lists or maps are needed"
WHOLE = "a whole number is needed, such as 2"
NUMBER = "a number is needed, such as 1 or 0.5"
PHONE = "a phone number is needed: 7 to 15 digits with the country code, such as 447700900123"
DATE = "a date is needed, such as 2026-03-05"
TIME = "a time of day is needed, such as 09:30"
POINT = "a point in time is needed, such as 2026-03-05T09:30"
NO_ZONE = "a point in time with a UTC offset is needed, such as 2026-03-05T09:30+00:00, if there is no `timezone`"
URL = "a URL is needed, such as https://example.com/hold.mp3"


@each_case(
    ("type_name", "written", "sentence"),
    [
        ("text", ["a"], "a text, a number, true or false is needed"),
        ("text", float("nan"), "a text, a number, true or false is needed"),
        ("text", 10**20, "text in quotes, or a number of at most 18 digits is needed"),
        ("int", "abc", WHOLE),
        ("int", "0.5", WHOLE),
        ("int", "\uff11\uff12", WHOLE),
        ("int", "", WHOLE),
        ("int", "9" * 19, "a whole number of at most 18 digits is needed"),
        ("int", 2**63 - 1, "a whole number of at most 18 digits is needed"),
        ("int", True, WHOLE),
        ("int", float("inf"), "a whole number is needed, such as 2"),
        ("number", "0,5", NUMBER),
        ("number", "1e3", NUMBER),
        ("number", "-1.5e400", "a number of at most 18 digits before and behind the point is needed"),
        ("int", "1E+18", "a whole number of at most 18 digits is needed"),
        ("number", False, NUMBER),
        ("number", 10**20, "a number of at most 18 digits before and behind the point is needed"),
        ("number", f"0.{'3' * 19}", "a number of at most 18 digits before and behind the point is needed"),
        ("bool", "yes", "true or false is needed: write true"),
        ("bool", "maybe", "true or false is needed"),
        ("url", "https://x.example.com/a b", "a URL without spaces is needed: write %20 for each"),
        ("bool", 1, "true or false is needed"),
        (
            "phone",
            "07700900123",
            "a phone number is needed with its country code, such as 447700900123 for 07700 900123",
        ),
        ("phone", "123", PHONE),
        ("phone", "1" * 16, PHONE),
        ("phone", "\uff14\uff14\uff17\uff17\uff10\uff10\uff19\uff10\uff10\uff11\uff12\uff13", PHONE),
        ("phone", 447700900123.0, "a phone number is needed as text, such as 447700900123 in quotes, without decimals"),
        ("phone", True, "a phone number is needed, such as 447700900123"),
        ("url", "example.com/x", URL),
        ("url", "https://", URL),
        ("url", "https://example.com/a\nb", URL),
        (
            "url",
            "https://user@example.com",
            "a URL without user and password is needed: credentials in a URL are refused",
        ),
        ("list", "a, b", "a list is needed"),
        ("list", ["x"] * (MAX_ITEMS + 1), f"a list of at most {MAX_ITEMS} entries is needed"),
        ("list", nested(MAX_NESTING + 1), f"lists and maps nested at most {MAX_NESTING} deep are needed"),
        ("list", [["x"] * 100] * 60, f"lists and maps with at most {MAX_ENTRIES:,} entries in total are needed"),
        ("list", [float("nan")], ENTRIES),
        ("list", [10**18], ENTRIES),
        ("map", {"a": {"b": object()}}, ENTRIES),
        ("map", "a", "a map is needed"),
        ("date", "05.03.2026", DATE),
        ("date", "2026-02-30", DATE),
        ("date", datetime(2026, 3, 5, tzinfo=UTC), DATE),
        ("date", "10000-01-01", "a date from the year 1 to 9999 is needed"),
        ("datetime", "0000-01-01T00:00Z", "a point in time from the year 1 to 9999 is needed"),
        ("time", "24:00", TIME),
        ("time", "09:30Z", TIME),
        ("datetime", "2026-03-05", POINT),
        ("datetime", "2026-03-05T09:30", NO_ZONE),
        ("datetime", "0001-01-01T00:00+14:00", "a point in time from the year 1 to 9999 is needed"),
        ("map", {str(n): n for n in range(MAX_ITEMS + 1)}, f"a map of at most {MAX_ITEMS} entries is needed"),
    ],
)
def test_a_mismatched_value_is_explained_in_a_sentence(type_name: str, written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="needed") as caught:
        TYPES[type_name].cast(written)

    assert sentence == str(caught.value)


@each_case(
    ("written", "sentence"),
    [
        ("golld", 'one of gold, standard is needed; did you mean "gold"?'),
        ("platinum", "one of gold, standard is needed"),
        (3, "one of gold, standard is needed"),
    ],
)
def test_any_other_word_is_refused_with_the_list(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="needed") as caught:
        Word(("gold", "standard")).cast(written)

    assert sentence == str(caught.value)


@each_case(
    ("zone", "written", "expected"),
    [
        ("Europe/London", "2026-03-05T09:30", "2026-03-05T09:30:00+00:00"),
        ("Europe/London", "2026-07-05T09:30", "2026-07-05T09:30:00+01:00"),
        ("Europe/Berlin", "2026-03-05T08:30Z", "2026-03-05T09:30:00+01:00"),
        ("Europe/London", "2026-03-29T00:59", "2026-03-29T00:59:00+00:00"),
        ("Europe/London", "2026-03-29T02:00", "2026-03-29T02:00:00+01:00"),
        ("Europe/London", "2026-10-25T01:30", "2026-10-25T01:30:00+01:00"),
        ("Europe/London", "2026-10-25T01:30+00:00", "2026-10-25T01:30:00+00:00"),
        ("Asia/Kathmandu", "2026-03-05T09:30", "2026-03-05T09:30:00+05:45"),
    ],
)
def test_a_point_in_time_is_in_the_time_zone_of_its_file(zone: str, written: str, expected: str) -> None:
    assert expected == TYPES["datetime"].with_zone(zone).cast(written)


@each_case(
    ("zone", "written"),
    [
        ("Europe/London", "2026-03-29T01:00"),
        ("Europe/London", "2026-03-29T01:59:59"),
        ("Pacific/Apia", "2011-12-30T12:00"),
    ],
)
def test_a_time_skipped_by_daylight_saving_is_refused(zone: str, written: str) -> None:
    with pytest.raises(ValueError, match=f"the clocks in {zone} skip this one"):
        TYPES["datetime"].with_zone(zone).cast(written)


ZONES = st.sampled_from(["", "UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
MOMENTS = st.datetimes(timezones=st.timezones() | st.just(UTC), allow_imaginary=False).filter(
    lambda moment: 1 < moment.year < 9999
)


@given(ZONES, MOMENTS)
def test_a_point_in_time_survives_a_round_trip_through_text(zone: str, moment: datetime) -> None:
    type_ = TYPES["datetime"].with_zone(zone)
    stored = type_.cast(moment)

    assert in_utc(moment) == in_utc(type_.operand(stored))
    assert stored == type_.cast(stored) == type_.cast(write(type_.operand(stored)))


@examples(200)
@given(number=st.floats(-1e18, 1e18, exclude_min=True, exclude_max=True) | st.floats(-0.001, 0.001))
def test_a_number_is_written_as_people_write_it_and_read_again(number: float) -> None:
    written = write(number)

    assert re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", written)
    assert math.isclose(number, TYPES["number"].cast(written), rel_tol=1e-15, abs_tol=1e-18)


@given(st.dates(), st.times())
def test_dates_and_times_survive_a_round_trip_through_text(day: date, hour: time) -> None:
    hour = hour.replace(microsecond=0)

    assert day == TYPES["date"].operand(TYPES["date"].cast(write(day)))
    assert hour == TYPES["time"].operand(TYPES["time"].cast(write(hour)))


@given(ZONES, MOMENTS, MOMENTS, st.sampled_from(["eq", "ne", "lt", "lteq", "gt", "gteq"]))
def test_points_in_time_are_ordered_chronologically(zone: str, first: datetime, second: datetime, op: str) -> None:
    type_ = TYPES["datetime"].with_zone(zone)
    left, right = (type_.operand(type_.cast(each)) for each in (first, second))
    expected = COMPARISONS[op][1](in_utc(first), in_utc(second))

    assert expected == compare(op, left, right)
    assert expected == compare(op, first, type_.cast(second), zone)


@given(st.dates(), st.dates(), st.times(), st.times())
def test_dates_and_times_are_ordered_as_in_the_calendar(first: date, second: date, early: time, late: time) -> None:
    assert (first < second) == compare("lt", first, write(second))
    assert (early.replace(microsecond=0) == late) == compare("eq", early.replace(microsecond=0), late)
    assert (early < late) == compare("lt", early, late)


QUESTION = record({"text": TYPES["text"], "max": TYPES["int"]})
SURVEY = record({"questions": list_of(QUESTION)})


def test_the_url_of_a_websocket_is_explained_by_one() -> None:
    with pytest.raises(ValueError, match="a URL is needed, such as wss://"):
        Url(("ws", "wss")).cast("sip:bot@example.com")


def test_types_of_the_same_form_are_the_same() -> None:
    assert list_of(TYPES["int"]) == list_of(TYPES["int"])
    assert list_of(TYPES["int"]) != list_of(TYPES["text"])
    assert list_of(TYPES["int"]) != TYPES["list"]
    assert Word(("a", "b")) == Word(("a", "b"))


def test_any_value_has_the_type_any() -> None:
    assert ANY.cast(None) is None


@each_case("type_", [*TYPES.values(), ANY, SURVEY], ids=[*TYPES, "any", "survey"])
def test_the_sample_of_a_type_is_of_that_type(type_: Kind) -> None:
    cast = type_.cast(type_.sample)

    assert cast == type_.cast(cast)
    assert type_.described


@given(value=JSON)
@examples(200)
def test_a_cast_of_any_json_gives_a_value_or_a_sentence_without_it(value: Any) -> None:
    for type_ in TYPES.values():
        try:
            result = type_.cast(value)
        except ValueError as error:
            assert "needed" in str(error)
        else:
            assert result == type_.cast(result)
