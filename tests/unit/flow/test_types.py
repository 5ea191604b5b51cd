from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.value_types import (
    ANY,
    DATETIME,
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_NESTING,
    TYPES,
    Kind,
    Word,
    list_of,
    record,
    write,
)
from tests.support.cases import each_case

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
        ("text", 3.0, "3"),
        ("text", 0.25, "0.25"),
        ("text", True, "true"),
        ("text", False, "false"),
        ("int", "20", 20),
        ("int", " 20 ", 20),
        ("int", "-3", -3),
        ("int", "007", 7),
        ("int", 2.0, 2),
        ("number", "0.5", 0.5),
        ("number", "20", 20),
        ("number", 20, 20),
        ("number", 0.5, 0.5),
        ("bool", "true", True),
        ("bool", "False", False),
        ("bool", True, True),
        ("phone", "447700900123", "447700900123"),
        ("phone", "+44 7700 900123", "447700900123"),
        ("phone", "0044-7700-900123", "447700900123"),
        ("phone", "+1 (555) 123-4567", "15551234567"),
        ("phone", "+44\u00a07700\u2013900123", "447700900123"),
        ("phone", 447700900123, "447700900123"),
        ("url", "https://example.com/hold.mp3?x=1", "https://example.com/hold.mp3?x=1"),
        ("url", " wss://example.com/socket ", "wss://example.com/socket"),
        ("list", ("a", 1), ["a", 1]),
        ("list", [("a", None), {"b": [True, 0.5]}], [["a", None], {"b": [True, 0.5]}]),
        ("list", [datetime(2026, 1, 5, 9, 30, tzinfo=UTC)], ["2026-01-05T09:30:00+00:00"]),
        ("map", {"a": 1}, {"a": 1}),
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
NUMBER = "a number is needed, such as 2 or 0.5"
PHONE = "a phone number is needed: 7 to 15 digits with the country code, such as 447700900123"
URL = "a URL is needed, such as https://example.com/hold.mp3"


@each_case(
    ("type_name", "written", "sentence"),
    [
        ("text", ["a"], "a text, a number, true or false is needed"),
        ("text", None, "a text, a number, true or false is needed"),
        ("text", float("nan"), "a text, a number, true or false is needed"),
        ("text", 10**20, "a text, a number, true or false is needed"),
        ("int", "abc", WHOLE),
        ("int", "0.5", WHOLE),
        ("int", "\uff11\uff12", WHOLE),
        ("int", "1_000", WHOLE),
        ("int", "", WHOLE),
        ("int", "9" * 19, WHOLE),
        ("int", True, WHOLE),
        ("int", 2.5, WHOLE),
        ("int", float("inf"), WHOLE),
        ("number", "0,5", NUMBER),
        ("number", "nan", NUMBER),
        ("number", False, NUMBER),
        ("number", float("nan"), NUMBER),
        ("number", 10**20, NUMBER),
        ("bool", "yes", "true or false is needed: write true"),
        ("bool", " OFF", "true or false is needed: write false"),
        ("bool", "maybe", "true or false is needed"),
        ("url", "https://x.example.com/a b", "a URL without spaces is needed: write %20 for each"),
        ("bool", 1, "true or false is needed"),
        (
            "phone",
            "+44 (0)20 7946 0000",
            'a phone number is needed without the "(0)" that is only dialled within the country',
        ),
        (
            "phone",
            "07700900123",
            "a phone number is needed with its country code, such as 447700900123 for 07700 900123",
        ),
        ("phone", "1-800-FLOWERS", PHONE),
        ("phone", "123", PHONE),
        ("phone", "1" * 16, PHONE),
        ("phone", "", PHONE),
        (
            "phone",
            "+00447700900123",
            "a phone number is needed with its country code, such as 447700900123 for 07700 900123",
        ),
        ("phone", "\uff14\uff14\uff17\uff17\uff10\uff10\uff19\uff10\uff10\uff11\uff12\uff13", PHONE),
        ("phone", True, "a phone number is needed, such as 447700900123"),
        ("url", "example.com/x", URL),
        ("url", "ftp://example.com", URL),
        ("url", "https://", URL),
        ("url", "https://exa mple.com", URL),
        ("url", "https://example.com/a\nb", URL),
        (
            "url",
            "https://user@example.com",
            "a URL without user and password is needed: credentials in a URL are refused",
        ),
        ("url", 3, URL),
        ("list", "a, b", "a list is needed"),
        ("list", ["x"] * (MAX_ITEMS + 1), f"a list of at most {MAX_ITEMS} entries is needed"),
        ("list", nested(MAX_NESTING + 1), f"lists and maps nested at most {MAX_NESTING} deep are needed"),
        ("list", [["x"] * 100] * 60, f"lists and maps with at most {MAX_ENTRIES:,} entries in total are needed"),
        ("list", [float("nan")], ENTRIES),
        ("list", [10**18], ENTRIES),
        ("map", {"a": {"b": object()}}, ENTRIES),
        ("map", "a", "a map is needed"),
        ("map", {str(n): n for n in range(MAX_ITEMS + 1)}, f"a map of at most {MAX_ITEMS} entries is needed"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(type_name: str, written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="needed") as caught:
        TYPES[type_name].cast(written)

    assert sentence == str(caught.value)


def test_a_word_is_one_of_the_allowed() -> None:
    tier = Word(("gold", "standard"))

    assert "gold" == tier.cast("gold")
    assert "one of gold, standard" == tier.described
    assert "gold" == tier.sample


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("golld", 'one of gold, standard is needed; did you mean "gold"?'),
        ("platinum", "one of gold, standard is needed"),
        (3, "one of gold, standard is needed"),
    ],
)
def test_another_word_gets_the_list(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="needed") as caught:
        Word(("gold", "standard")).cast(written)

    assert sentence == str(caught.value)


def test_a_point_in_time_is_written_by_iso_8601() -> None:
    moment = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)

    assert DATETIME.cast(moment) == moment
    assert "2026-01-05T09:30:00+00:00" == write(moment)


def test_a_text_is_no_point_in_time() -> None:
    with pytest.raises(ValueError, match="a point in time is needed"):
        DATETIME.cast("2026-01-05")


QUESTION = record({"text": TYPES["text"], "max": TYPES["int"]})
SURVEY = record({"questions": list_of(QUESTION)})


def test_types_of_the_same_form_are_the_same() -> None:
    assert list_of(TYPES["int"]) == list_of(TYPES["int"])
    assert list_of(TYPES["int"]) != list_of(TYPES["text"])
    assert list_of(TYPES["int"]) != TYPES["list"]
    assert Word(("a", "b")) == Word(("a", "b"))


def test_anything_is_of_any_type() -> None:
    assert ANY.cast(None) is None


@pytest.mark.parametrize("type_", [*TYPES.values(), DATETIME, ANY, SURVEY], ids=[*TYPES, "datetime", "any", "survey"])
def test_the_sample_of_a_type_is_of_that_type(type_: Kind) -> None:
    cast = type_.cast(type_.sample)

    assert cast == type_.cast(cast)
    assert type_.described


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
@given(value=JSON)
def test_a_cast_of_any_json_gives_a_value_or_a_sentence_without_it(type_: Kind, value: Any) -> None:
    try:
        result = type_.cast(value)
    except ValueError as error:
        assert "needed" in str(error)
    else:
        assert result == type_.cast(result)
