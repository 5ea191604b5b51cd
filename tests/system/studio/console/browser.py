"""A real browser, and checks that every page of the console must pass."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypedDict
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
    expect,
    sync_playwright,
)

NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""The first one draws the same pages, for a third of the processor time."""
Scheme = Literal["light", "dark"]
WIDE, NARROW = 1280, 390
"""Window widths of a desktop and of a mobile phone, in pixels."""
MOST_BYTES: Final = 150_000
"""Maximum size of a page in bytes, with everything that it loads."""
PATIENCE_MS: Final = 90_000
"""How many milliseconds to wait for page updates, so that a busy machine is fast enough."""
_CLOSED_UNTIL_LOADED: Final = """
{
  const closed = new CSSStyleSheet();
  closed.replaceSync("* { pointer-events: none !important } input, select, textarea { scale: 0 !important }");
  document.adoptedStyleSheets.push(closed);
  addEventListener("load", () => closed.replaceSync(""));
}
"""
"""Until a page is loaded, Playwright finds that its elements take no clicks, and that its fields have no size."""


def chromium() -> str | None:
    """The path of an installed Chromium or Chrome."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def why_not() -> str:
    """Why no browser is available; "" if one is. Raises FileNotFoundError on a CI machine, which must have one."""
    if chromium():
        return ""
    problem = "no Chromium is installed: apt-get install chromium"
    if os.environ.get("CI") or os.environ.get("TEST_BROWSER_NEEDED"):
        raise FileNotFoundError(problem)
    return problem


@contextmanager
def running_browser(*args: str) -> Iterator[Browser]:
    """Run headless Chromium, with `args` added to its command line."""
    expect.set_options(timeout=PATIENCE_MS)
    # The first page of a window takes over the process of its empty tab, although the page wants its own opener policy.
    given = ["--no-sandbox", "--mute-audio", "--renderer-process-limit=1", *args]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=given)
        yield browser
        browser.close()


@contextmanager
def new_window(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Open a window, with options for `Browser.new_context`.

    Playwright acts as soon as an element is there, which may be before the page's scripts have run, quicker than any
    person: a page takes no clicks and no texts until it is loaded, so that the test waits.
    """
    with browser.new_context(**options) as context:
        context.set_default_timeout(PATIENCE_MS)
        if options.get("java_script_enabled", True):
            context.add_init_script(_CLOSED_UNTIL_LOADED)
        yield context


class Console(TypedDict):
    """What a window needs to use the console: options for `new_window`."""

    base_url: str
    storage_state: StorageState
    locale: str
    timezone_id: str


def open_console(browser: Browser, link: str) -> Console:
    """Open the link that starts a session, in a window that is closed again."""
    with new_window(browser) as context:
        context.new_page().goto(link)
        session = context.storage_state()
    return {
        "base_url": link.partition("/?")[0],
        "storage_state": session,
        "locale": "de-DE",  # the pages are in English, whatever the browser's language
        "timezone_id": "Europe/London",
    }


class Watch:
    """Collects faults while pages are used.

    Attributes:
        faults: violations of the Content-Security-Policy, errors in the browser's console, failed or refused requests,
            and requests to other hosts.
        expected: parts of the faults that a test provokes.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.faults: list[str] = []
        self.expected: list[str] = []
        context.on("console", self._said)
        context.on("weberror", lambda problem: self._add(str(problem.error)))
        context.on("request", self._requested)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def unexpected(self) -> list[str]:
        """The faults that the test did not provoke."""
        return [fault for fault in self.faults if not any(words in fault for words in self.expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._add(message.text)

    def _add(self, fault: str) -> None:
        self.faults.append(fault)

    def _requested(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and url.hostname != "127.0.0.1":
            self._add(f"a request to {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page has moved on, or no longer needs the answer
            self._add(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._add(f"{response.request.method} {response.url}: {response.status}")


def check_page(page: Page, *windows: tuple[int, Scheme]) -> None:
    """Check that a page is accessible and not too wide in windows; by default, a wide light and a narrow dark one.

    axe-core runs under the page's real policy.
    """
    page.wait_for_load_state()
    before = page.viewport_size or {"width": WIDE, "height": 900}
    found = []
    for width, scheme in windows or ((WIDE, "light"), (NARROW, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found += [f"{width} {scheme}: {violation}" for violation in violations(page)]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{width}: the page is {overflow} pixels too wide"] * (overflow > 0)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)
    assert [] == found


def check_budget(page: Page) -> None:
    """Check that a new page is small, with everything that it loads."""
    page.wait_for_load_state("networkidle")
    loaded = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    assert MOST_BYTES > page.evaluate(f"{loaded}.reduce((sum, each) => sum + each.encodedBodySize, 0)")


def violations(page: Page) -> list[str]:
    """What axe-core finds on the current page: the rule, the element and how to fix it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # Only rules about media queries and about audio that plays by itself load what a page links to once more.
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], preload: false}).then((result) => result.violations)"
    )
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]
