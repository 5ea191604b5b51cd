"""JSON as a text: where each value stands, which names stand twice, where reading stops."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.jobs.json_text import Doubled, NotJsonError, Span, line_and_column, read

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def pointed_at(document: object, pointer: str) -> object:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]  # type: ignore[index]  # walks JSON
    return document


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_pointer_leads_to_its_value_in_the_text(value: object, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)

    spans = read(text).spans

    for pointer, (start, _) in spans.items():
        assert pointed_at(value, pointer) == json.JSONDecoder().raw_decode(text, start)[0]


def test_a_name_with_a_slash_or_a_tilde_is_escaped_in_the_pointer() -> None:
    assert Span(9, 10) == read('{"a/b~": 1}').spans["/a~1b~0"]


def test_a_name_that_stands_twice_is_found_at_its_second_place() -> None:
    text = '[{"text": "a", "text": "b"}, {"text": "c"}]'

    document = read(text)

    assert (Doubled("/0/text", Span(15, 21)),) == document.doubled
    assert [{"text": "b"}, {"text": "c"}] == document.value


def test_two_spellings_of_one_name_are_one_name() -> None:
    assert 1 == len(read('{"a": 1, "\\u0061": 2}').doubled)


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("[1,]", "nothing comes behind this comma", 2),
        ('{"a": 1 , }', "nothing comes behind this comma", 8),
        ("[,]", "Expecting value", 1),
        ("[1 2]", "Expecting ',' delimiter", 3),
        ("{'a': 1}", "Expecting property name enclosed in double quotes", 1),
        ('["a\nb"]', "Invalid control character at", 3),
        ("[] []", "Extra data", 3),
        ("", "Expecting value", 0),
        ('["NaN", NaN]', "NaN is a word of JavaScript, not of JSON", 8),
        ("[-Infinity]", "-Infinity is a word of JavaScript, not of JSON", 1),
        ("[1, " + "9" * 5000 + "]", "a number has more digits than can be read", 4),
        ("[" * 100_000, "lists and objects are nested too deeply", 0),
    ],
)
def test_what_is_not_json_says_where(text: str, message: str, offset: int) -> None:
    with pytest.raises(NotJsonError) as error:
        read(text)

    assert (message, offset) == (error.value.message, error.value.offset)


@given(st.text() | st.text(alphabet='[]{},:"\\ 01eE-NaIu\n'))
def test_no_text_does_anything_but_parse_or_say_why_not(text: str) -> None:
    try:
        value = read(text).value
    except NotJsonError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert json.loads(text) == value


@pytest.mark.parametrize(("offset", "place"), [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (4, (2, 3)), (5, (3, 1))])
def test_places_count_from_one(offset: int, place: tuple[int, int]) -> None:
    assert place == line_and_column("a\nbc\n", offset)
