"""The page of assumptions lists them as they are."""

from __future__ import annotations

from tests.system.docs.platform_page import PAGE, page


def test_the_page_has_the_current_assumptions() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"
