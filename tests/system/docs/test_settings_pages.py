"""The page of settings and .env.example list every setting, with its default and meaning."""

from __future__ import annotations

from ncco_server.settings import load_settings
from tests.system.docs.headings import things_of
from tests.system.docs.settings_pages import EXAMPLE, PAGE, example, page, rows


def test_the_page_has_the_current_settings() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_the_example_has_the_current_settings() -> None:
    assert example() == EXAMPLE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_setting_has_its_heading() -> None:
    assert [row.variable for row in rows()] == things_of("docs/reference/settings.md")


def test_every_setting_says_what_it_does() -> None:
    assert [] == [row.variable for row in rows() if not row.meaning.endswith(".")]


def test_the_example_can_be_used_unchanged() -> None:
    found = load_settings(EXAMPLE).model_dump(exclude={"env_file"})

    assert load_settings(None).model_dump(exclude={"env_file"}) == found
