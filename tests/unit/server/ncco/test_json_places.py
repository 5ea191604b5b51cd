"""The places of values and names in a JSON text."""

from __future__ import annotations

import pytest

from ncco_server.ncco.json_text import NotJsonError, TextSpan, read_json
from tests.support.cases import each_case

TEXT = '[{"a": 1, "b/~": [true, {}], "a": "x:,"}]'


def test_each_value_and_name_has_its_characters() -> None:
    read = read_json(TEXT)

    assert [{"a": "x:,", "b/~": [True, {}]}] == read.value
    values = {pointer: TEXT[span.start : span.end] for pointer, span in read.values.items()}
    assert {"": "[", "/0": "{", "/0/a": '"x:,"', "/0/b~1~0": "[", "/0/b~1~0/0": "true", "/0/b~1~0/1": "{"} == values
    assert {"/0/a": TextSpan(29, 32), "/0/b~1~0": TextSpan(10, 15)} == read.names
    assert [("/0/a", TextSpan(29, 32))] == read.repeated


@each_case(
    ("text", "offset"),
    [("", 0), ("[1,]", 2), ("[NaN]", 1), ("[1 2]", 3), ('["NaN", -Infinity]', 8), ("[" * 100_000, 0), ("9" * 5_000, 0)],
)
def test_a_json_syntax_error_has_a_place(text: str, offset: int) -> None:
    with pytest.raises(NotJsonError) as caught:
        read_json(text)

    assert offset == caught.value.offset
