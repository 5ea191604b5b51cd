"""What holds for every page in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.browser import check_page


@pytest.mark.parametrize("path", ["/calls"])
def test_a_page_is_accessible_and_fits(page: Page, path: str) -> None:
    page.goto(path)

    check_page(page)


def test_the_first_tab_leads_to_the_content(page: Page) -> None:
    page.goto("/calls")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()
