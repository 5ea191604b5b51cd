"""The places of values and names in a JSON text."""

from __future__ import annotations

import pytest

from ncco_server.ncco import ssml
from ncco_server.ncco.json_text import NotJsonError, TextSpan, check_text, read_json
from tests.support.cases import each_case

TEXT = '[{"a": 1, "b/~": [true, {}, 7], "a": "x:,"}]'


def test_each_value_and_name_has_its_characters() -> None:
    read = read_json(TEXT)

    assert [{"a": "x:,", "b/~": [True, {}, 7]}] == read.value
    values = {pointer: TEXT[span.start : span.end] for pointer, span in read.values.items()}
    items = {"/0/b~1~0/0": "true", "/0/b~1~0/1": "{", "/0/b~1~0/2": "7"}
    assert {"": "[", "/0": "{", "/0/a": '"x:,"', "/0/b~1~0": "[", **items} == values
    assert {"/0/a": TextSpan(32, 35), "/0/b~1~0": TextSpan(10, 15)} == read.names
    assert [("/0/a", TextSpan(32, 35))] == read.repeated


def test_an_issue_is_at_the_name_of_an_option_at_its_value_or_within_it() -> None:
    text = r'[{"action": "talk", "txet": "b", "text": "\u0041 <b", "loop": -1}]'

    assert ["N105 'txet'", "N915 <", "N108 -1"] == [
        f"{issue.code} {text[span.start : span.end]}".replace('"', "'") for span, issue in check_text(text)[0]
    ]


@each_case(
    ("text", "passage", "cure"),
    [
        ("  <speak>a <foo/></speak>", "<foo", "Use break,"),
        ("a <speak>b</speak>", "<speak>", "Enclose the whole text"),
        ("<speak>a & b</speak>", "&", "Write & as"),
        ("<speak>a&nbsp;b</speak>", "&nbsp;", "Write the character itself"),
        ("<speak>a", "", "Write </speak>"),
        ("<speak ", "<", "Close every tag"),
        ("<speak>a <p>b</speak>", "<p", "Write </p> before </speak>"),
        ("<speak>a</p>", "</p>", "Write </speak>"),
        ("<speak><s a>b</s></speak>", ">", "Close every tag"),
        ("<speak><p>a <b</p></speak>", "<", "Close every tag"),
        ("<speak>a <break time=1s></speak>", "1", "Close every tag"),
    ],
)
def test_an_issue_of_ssml_is_at_a_passage(text: str, passage: str, cure: str) -> None:
    (issue,) = ssml.check_text(text)
    start, length = issue.span or (0, 0)

    assert passage == text[start : start + length]
    assert issue.fix.startswith(cure)


@each_case(
    ("text", "offset"),
    [
        ("", 0),
        ("[1,]", 2),
        ("[NaN]", 1),
        ("[NaNs]", 1),
        ("[1 2]", 3),
        ('["NaN", -Infinity]', 8),
        ("[" * 100_000, 0),
        ("9" * 5_000, 0),
    ],
)
def test_a_json_syntax_error_has_a_place(text: str, offset: int) -> None:
    with pytest.raises(NotJsonError) as caught:
        read_json(text)

    assert offset == caught.value.offset


def test_an_empty_text_is_called_so() -> None:
    assert ["the text is empty", "not JSON: Expecting value"] == [
        check_text(text)[0][0].issue.message for text in (" ", "-")
    ]
