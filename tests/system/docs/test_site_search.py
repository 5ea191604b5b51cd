"""The search of the site finds what people type, also where the site is a folder without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.browser import running_browser, why_not

FOUND = {
    "ivr": "index",
    "ngrok": "how-to/your-phone-rings",
    "twilio": "how-to/from-twilio-studio",
    "forward": "how-to/findme",
    "voicemail": "how-to/voicemail",
    "answering machine": "how-to/voicemail",
    "recording": "how-to/(voicemail|recordings)",
    "hold music": "how-to/queue",
    "opening hours": "how-to/hours",
    "business hours": "how-to/hours",
    "whisper": "how-to/findme",
    "email": "how-to/mail",
    "gdpr": "security",
    "certificate": "how-to/one-host",
}
"""What somebody types, and the page, as a pattern, that must be among the first results."""
FIRST = 4


@pytest.fixture(scope="module")
def page(site: Path) -> Iterator[Page]:
    """The first page, opened as a file; any request that is not for a file fails the test."""
    if problem := why_not():
        pytest.skip(problem)
    with running_browser() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__input").click()
        yield page
        assert [] == [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("typed", FOUND)
def test_the_search_of_the_folder_finds_what_people_type(page: Page, typed: str) -> None:
    field, meta = page.locator(".md-search__input"), page.locator(".md-search-result__meta")
    field.fill("")
    field.dispatch_event("keyup")
    expect(meta).to_have_text("Type to start searching")
    field.fill(typed)
    field.dispatch_event("keyup")  # once for the whole text, so that results of its beginning are never read
    expect(meta).to_have_text(re.compile(r"^\d+ matching document"))
    links = page.locator(".md-search-result__item > a:first-of-type").evaluate_all(
        "all => all.map(each => each.pathname)"
    )

    assert any(re.search(f"/{FOUND[typed]}.html$", link) for link in links[:FIRST]), links[:FIRST]
