"""The README's animation shows the current output of `ncco prove`."""

from __future__ import annotations

from tests.system.docs.prove_picture import PICTURE, picture


def test_the_picture_shows_the_printed_output() -> None:
    assert picture() == PICTURE.read_text(encoding="utf-8"), "run `make docs`"


def test_the_picture_is_small_and_loads_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")

    assert len(text) < 100_000
    assert "href" not in text
    assert "url(" not in text
