"""Bodies and queries as they arrive, not as they should be."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ncco_server.web.webhook_http import read_fields, read_query
from tests.support.cases import each_case

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"


@each_case("content_type", [JSON, b"", FORM, b"text/html", b"text/plain; charset=latin-1", b"\xff"])
def test_json_is_read_whatever_the_content_type_says(content_type: bytes) -> None:
    assert ({"to": "1", "dtmf": {"digits": "2"}}, "") == read_fields(b' {"to":"1","dtmf":{"digits":"2"}}', content_type)


@each_case("content_type", [FORM, b"", b"text/html"])
def test_a_form_is_read_whatever_the_content_type_says(content_type: bytes) -> None:
    assert ({"to": "+44", "speech": "", "x y": "é"}, "") == read_fields(
        b"to=%2B44&speech=&x+y=%C3%A9\r\n", content_type
    )


@each_case(
    ("problem", "body"),
    [
        ("the body is empty", b""),
        ("the body is empty", b" \n"),
        ("the body is a JSON array, but an object is expected", b"[]"),
        ("the body is a JSON text, but an object is expected", b'"a"'),
        ("the body is a JSON number, but an object is expected", b"1"),
        ("the body is a JSON number, but an object is expected", b"1.5"),
        ("the body is a JSON truth value, but an object is expected", b"true"),
        ("the body is nested deeper than 64 levels", b'{"a":' * 70 + b"1" + b"}" * 70),
        ("the body is nested deeper than 64 levels", b"[" * 100_000),
        ("the body is nested deeper than 64 levels", b'{"x":"]]]","a":' + b"[" * 200),
    ],
)
def test_an_unreadable_body_is_reported(problem: str, body: bytes) -> None:
    assert ({}, problem) == read_fields(body, JSON)


@each_case("body", [b"{", b'{"a":1}}', b"to=1", b"hello", b"\xff\xfe", b"{'a': 1}", b'{"a":' + b"9" * 5000])
def test_invalid_json_is_reported_with_its_place(body: bytes) -> None:
    fields, problem = read_fields(body, JSON)

    assert ({}, "the body is not JSON: ") == (fields, problem[:22])
    assert "at byte" in problem


def test_a_multipart_body_is_reported_as_such() -> None:
    assert "multipart" in read_fields(b"--x\r\n", b"multipart/form-data; boundary=x")[1]


@each_case(
    ("fields", "body"),
    [
        ({"from_user": "Zo\ufffd"}, b'{"from_user":"Zo\xeb"}'),
        ({"a": "?"}, b'{"a":"\\ud800"}'),
        ({"a": None, "b": None}, b'{"a":NaN,"b":-Infinity}'),
        ({"a": None, "b": 1.5}, b'{"a":1e999,"b":1.5}'),
        ({"a": None, "b": 7}, b'{"a":' + b"9" * 5000 + b',"b":7}'),
        ({"a": "x\ny"}, b'{"a":"x\ny"}'),
        ({"to": "1"}, b'\xef\xbb\xbf{"to":"1"}'),
        ({"a": "2"}, b'{"a":"1","a":"2"}'),
    ],
)
def test_one_invalid_byte_does_not_lose_a_call(fields: dict[str, Any], body: bytes) -> None:
    assert (fields, "") == read_fields(body, JSON)


def test_many_shallow_lists_do_not_count_as_deep_nesting() -> None:
    body = orjson.dumps({"speech": {"results": [{"text": "[{[{", "n": [i]} for i in range(100)]}})

    assert "" == read_fields(body, JSON)[1]


@each_case(
    ("fields", "query"),
    [
        ({}, b""),
        ({"a": "2", "b": ""}, b"a=1&b&a=2"),
        ({"a": "\ufffd"}, b"a=%ff"),
        ({"a": "\ufffd"}, b"a=\xff"),
        ({"": "x"}, b"=x"),
        ({"a": "1 2+3"}, b"a=1+2%2B3"),
        ({"a": "%zz"}, b"a=%zz"),
    ],
)
def test_a_query_is_read_as_sent_and_the_last_value_of_a_name_counts(fields: dict[str, str], query: bytes) -> None:
    assert (fields, "") == read_query(query)


@pytest.mark.parametrize("content_type", [FORM, b""])
def test_too_many_fields_are_reported(content_type: bytes) -> None:
    assert ({}, "the form has more than 1000 fields") == read_fields(b"a=1&" * 1001, content_type)
    assert ({}, "the query has more than 1000 fields") == read_query(b"a=1&" * 1001)
