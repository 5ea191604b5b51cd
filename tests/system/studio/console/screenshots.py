"""Takes pictures of the demonstration's pages: python -m tests.system.studio.console.screenshots FOLDER [NAME ...].

The name `owner` takes the pictures for the owner's tour, one of each page as owners see it: `make picture`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from tests.system.studio.console.browser import NARROW, WIDE, new_window, open_console, running_browser
from tests.system.studio.console.demo import running_demo
from tests.system.studio.console.server import link_of

OPEN: Final = "2026-03-04T10:00"
"""A Wednesday morning."""


def _at(path: str) -> Callable[[Page], object]:
    def open_page(page: Page) -> None:
        page.goto(path)
        page.get_by_text("Adding calls to the picture").wait_for(state="detached")

    return open_page


def _call(page: Page) -> None:
    page.goto("/calls?state=person")
    page.get_by_role("table").get_by_role("link").first.click()
    page.wait_for_url("**/calls/*")


def _phone(page: Page) -> None:
    page.add_init_script("speechSynthesis.getVoices = () => [{lang: 'cy', name: 'a voice of another language'}]")
    page.goto("/phone?file=flows/practice.yaml")
    page.locator("#at").evaluate("(field, at) => { field.value = at; }", OPEN)
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#bubbles .bubble").first).to_be_visible()
    page.get_by_role("button", name="Skip ahead").click()
    page.locator('[data-key="1"]').click()
    expect(page.get_by_role("group", name="What happens?")).to_be_visible()
    expect(page.locator("#picture svg")).to_be_visible()


PAGES: Final[Mapping[str, Callable[[Page], object]]] = {
    "home": _at("/home"),
    "phone": _at("/phone?file=flows/practice.yaml"),
    "phone-call": _phone,
    "messages": _at("/messages"),
    "done": _at("/messages?box=done"),
    "flows": _at("/flows"),
    "flow": _at("/flows/practice#practice/reception"),
    "flow-week": _at("/flows/practice"),
    "calls": _at("/calls"),
    "call": _call,
    "report": _at("/report"),
    "tables": _at("/tables"),
    "table": _at("/tables/patients"),
    "change": _at("/change"),
    "change-file": _at("/change/flows/practice.yaml"),
    "hours": _at("/change/flows/shared.yaml"),
    "health": _at("/health"),
    "missing": _at("/no/such/page"),
}
OWNER_PAGES: Final = ("home", "messages", "calls", "report", "flow-week", "change-file", "phone-call")


def take(folder: Path, names: Sequence[str]) -> None:
    """Take pictures of pages: light and dark, in a wide and in a narrow window."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_demo(Path(home)) as server, running_browser() as browser:
        console = open_console(browser, link_of(server))
        console["locale"] = "en-GB"  # of date fields
        if names == ["owner"]:
            page = browser.new_context(**console, viewport={"width": 1000, "height": 580}).new_page()
            page.goto("/home")
            page.get_by_role("button", name="Owner").click()
            for name in OWNER_PAGES:
                PAGES[name](page)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=folder / f"owner-{name}.jpg", type="jpeg", quality=50)
            return
        for scheme in ("light", "dark"):
            for width in (WIDE, NARROW):
                for name in names or PAGES:
                    size = {"width": width, "height": 900}
                    with new_window(browser, **console, viewport=size, color_scheme=scheme) as window:
                        page = window.new_page()
                        PAGES[name](page)
                        page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
