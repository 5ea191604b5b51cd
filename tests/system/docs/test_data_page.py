"""The page of data describes what programs get."""

from __future__ import annotations

from tests.system.docs.data_page import PAGE, page


def test_the_page_has_the_current_routes_and_fields() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"
