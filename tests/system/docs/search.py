"""The search of the documentation site."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def found_by(page: Page, typed: str) -> list[str]:
    """The paths of the pages that the search finds, best first."""
    field, meta = page.locator(".md-search__input"), page.locator(".md-search-result__meta")
    field.fill("")
    field.dispatch_event("keyup")
    expect(meta).to_have_text("Type to start searching")
    field.fill(typed)
    field.dispatch_event("keyup")  # one event for the whole text, so that no results for its beginning are read
    expect(meta).to_have_text(re.compile(r"^\d+ matching document"))
    found = page.locator(".md-search-result__item > a:first-of-type")
    paths: list[str] = found.evaluate_all("all => all.map(each => each.pathname)")
    return paths
