"""What people see after a press: at once that it works, and notices that cover nothing that they may press next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.system.studio.console.browser import NARROW, WIDE, Watch
from tests.system.studio.console.test_change import FLOW
from tests.system.studio.console.test_phone import opened

SIZES: Final = ((WIDE, 800), (NARROW, 844))
PAGES: Final = ("/home", "/messages", "/change/flows/bakery.yaml", "/flows/bakery")
SENTENCE: Final = "This text takes too long to check, and was not saved. Shorten it, and save it again. " * 2
COVERED: Final = """
() => {
  const notice = document.getElementById("status").getBoundingClientRect();
  const pressed = [...document.querySelectorAll("main :is(.button, button, h2), .top :is(a, button)")];
  return pressed.filter((each) => {
    const { left, right, top, bottom } = each.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    return each.checkVisibility() && document.elementFromPoint(x, y)?.closest("#status");
  }).map((each) => each.outerHTML.slice(0, 100))
    .concat(notice.bottom > innerHeight || notice.top < 0 ? ["outside"] : []);
}
"""
"""The buttons and headings whose middle is under the notice. It may cover a few of many fields and links."""


@contextmanager
def slow(page: Page, pattern: str) -> Iterator[None]:
    """Requests that match get no answer until the context ends."""
    waiting = list[Route]()
    page.route(pattern, lambda route: waiting.append(route))  # noqa: PLW0108 - playwright inspects the function
    yield
    for route in waiting:
        route.continue_()
    page.unroute(pattern)


def is_busy(button: Locator, text: str) -> None:
    expect(button).to_have_text(text)
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_be_disabled()


@pytest.fixture
def bakery(page: Page, project: Path) -> None:
    """A flow that can be changed; `page` resets the project."""
    (project / "flows" / "bakery.yaml").write_text(FLOW, encoding="utf-8")


def test_a_call_that_starts_slowly_says_so_at_once(page: Page) -> None:
    opened(page)
    button = page.locator("#place")
    with slow(page, "**/phone/calls"):
        button.click()
        is_busy(button, "Calling …")
        expect(page.locator("#hangup")).to_be_hidden()
    expect(page.get_by_role("button", name="Hang up")).to_be_enabled()
    expect(button).to_have_text("Call")

    with slow(page, "**/steps"):
        page.get_by_role("button", name="Silence").click()
        expect(page.locator("#call")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#call")).not_to_have_attribute("aria-busy", "true")


def test_a_call_that_does_not_start_can_be_retried(page: Page, watch: Watch) -> None:
    watch.expected = ["503"]
    opened(page)
    page.route("**/phone/calls", lambda route: route.fulfill(status=503, body="{}"))
    page.locator("#place").click()
    expect(page.locator("#status")).to_contain_text("refused")
    expect(page.locator("#place")).to_be_enabled()
    expect(page.locator("#place")).to_have_text("Call")
    expect(page.locator("#place")).not_to_have_attribute("aria-busy", "true")


@pytest.mark.usefixtures("bakery")
def test_hear_it_shows_at_once_that_a_call_starts(page: Page) -> None:
    page.goto("/change/flows/bakery.yaml?saved=")
    hear = page.locator("#hear")
    requests = list[Any]()
    page.on("request", lambda request: requests.append(request.url) if request.url.endswith("/phone/calls") else None)
    with slow(page, "**/phone/calls"):
        hear.click()
        is_busy(hear, "Starting the call …")
        hear.click(force=True)
    page.wait_for_url("**/phone?**")
    assert 1 == len(requests)


@pytest.mark.usefixtures("bakery")
def test_a_slow_form_says_so_and_is_sent_once(page: Page, watch: Watch) -> None:
    watch.expected = ["422"]  # nothing was changed
    page.goto("/change/flows/bakery.yaml")
    button = page.get_by_role("button", name="Review changes")
    button.evaluate("button => addEventListener('pagehide', () => sessionStorage.setItem('left', button.outerHTML))")
    button.click()
    left = page.wait_for_function("sessionStorage.getItem('left')").json_value()
    assert "Review changes …" in left
    assert 'aria-busy="true"' in left
    assert "disabled" in left


@pytest.mark.usefixtures("bakery")
def test_a_notice_covers_no_button_and_no_heading(page: Page) -> None:
    covered = list[str]()
    for path in PAGES:
        page.goto(path)
        covered += [f"{path}: {each}" for each in covered_on(page)]
    opened(page)
    covered += [f"/phone: {each}" for each in covered_on(page)]
    page.locator("#place").click()
    expect(page.locator("#bubbles")).to_contain_text("For sales")
    covered += [f"a call: {each}" for each in covered_on(page)]
    assert [] == covered


def covered_on(page: Page) -> list[str]:
    """What notices cover at the top, in the middle and at the end of a page, in windows of both sizes."""
    module = page.evaluate("document.querySelector('script[src$=\"/page.js\"]').src.replace('page.js', 'request.js')")
    found = list[str]()
    page.evaluate("async ([module, text]) => (await import(module)).announce(text, {error: true})", [module, SENTENCE])
    for (width, height), share in product(SIZES, (0, 0.5, 1)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("share => scrollTo({top: share * document.body.scrollHeight, behavior: 'instant'})", share)
        page.wait_for_timeout(400)  # until it has moved
        found += [f"{width}: {each}" for each in page.evaluate(COVERED)]
    page.evaluate("scrollTo(0, 0)")
    page.locator("#status").get_by_role("button", name="Close").click()
    return found
