"""Single values of a webhook, read without a model."""

from __future__ import annotations

import pytest

from app.ncco.webhooks import as_text, unnested


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("447700900000", "447700900000"),
        ("", ""),
        ("447700900000", 447700900000),
        ("0.5", 0.5),
        ("", True),
        ("", None),
        ("", ["447700900000"]),
        pytest.param("", 10**5000, id="more digits than Python prints"),
    ],
)
def test_text_and_numbers_are_read_as_text_and_all_else_as_nothing(text: str, value: object) -> None:
    assert text == as_text(value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"a": 1', '{"a": 1'),
        ('{"a": NaN}', {"a": None}),
        ('{"a": "\\ud800"}', {"a": "?"}),
        ('{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
        ("[" * 70 + "]" * 70, "[" * 70 + "]" * 70),
    ],
)
def test_nested_text_that_can_hardly_be_written_again_is_repaired_or_left(text: str, read: object) -> None:
    assert {"custom_data": read} == unnested({"custom_data": text})
