"""The page of voices lists the languages as they are."""

from __future__ import annotations

from tests.system.docs.voices_page import PAGE, page


def test_the_page_has_the_current_languages() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"
