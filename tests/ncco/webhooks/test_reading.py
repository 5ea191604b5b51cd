"""Single values of a webhook, read without a model."""

from __future__ import annotations

import pytest

from app.ncco.webhooks import as_text


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
