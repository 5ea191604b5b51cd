"""The console in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.system.console.browser import PATIENCE_MS, Watch, running_browser, why_not
from tests.system.console.server import running_console


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without it the tests are skipped, except on a machine that builds."""
    if problem := why_not():
        pytest.skip(problem)
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def console_url() -> Iterator[str]:
    """Where the console of the example flows is served."""
    with running_console() as url:
        yield url


@pytest.fixture
def context(browser: Browser, console_url: str) -> Iterator[BrowserContext]:
    """A fresh profile of the browser."""
    context = browser.new_context(base_url=console_url, locale="en-GB", timezone_id="Europe/London")
    context.set_default_timeout(PATIENCE_MS)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def watch(context: BrowserContext) -> Iterator[Watch]:
    """What went wrong in the browser; anything unexpected fails the test."""
    watch = Watch(context)
    yield watch
    assert [] == watch.unexpected()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """An empty tab, which is watched."""
    return context.new_page()
