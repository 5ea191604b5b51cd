"""Takes pictures of the console's pages: python -m tests.system.studio.console.screenshots FOLDER [NAME ...].

The name `owner` takes the pictures for the owner's tour, one of each page as owners see it: `make picture`.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect

from tests.system.studio.console.browser import NARROW, WIDE, open_console, running_browser
from tests.system.studio.console.inbox import Inbox
from tests.system.studio.console.server import running_console

WRONG: Final = """[
  {"action": "talk", "text": "Press 1 for sales."},
  {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigit": 1}, "eventUrl": ["https://example.com/keys"]}
]"""


def _at(path: str) -> Callable[[Page], object]:
    def open_page(page: Page) -> None:
        page.goto(path)
        page.get_by_text("Adding calls to the picture").wait_for(state="detached")

    return open_page


def _in_a_call(page: Page) -> None:
    page.add_init_script("speechSynthesis.getVoices = () => [{lang: 'cy', name: 'a voice of another language'}]")
    page.goto("/phone")
    page.get_by_role("button", name="Edit").click()
    page.locator("flow-editor").get_by_role("textbox").wait_for()
    page.locator("flow-editor").evaluate("editor => editor.goTo(45)")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator(".talk .bubble").first).to_be_visible()
    page.get_by_role("button", name="Skip ahead").click()
    page.locator('[data-key="2"]').click()
    expect(page.locator(".talk .caller")).to_have_text("2")
    expect(page.locator(".talk .turn")).to_have_count(2)
    page.locator(".talk .turn summary").last.click()
    expect(page.locator(".explanation .code").first).to_be_visible()
    expect(page.locator("#picture svg")).to_be_visible()


def _owners_call(page: Page) -> None:
    page.goto("/phone")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#bubbles .bubble").first).to_be_visible()
    page.get_by_role("button", name="Skip ahead").click()
    page.locator('[data-key="1"]').click()
    expect(page.get_by_role("group", name="What happens?")).to_be_visible()


def _pasted(page: Page) -> None:
    page.goto("/phone")
    page.get_by_label("File").select_option("pasted text")
    page.locator("flow-editor").get_by_role("textbox").fill(WRONG)
    expect(page.locator("flow-editor .issue").first).to_contain_text("maxDigit")


PAGES: Final[Mapping[str, Callable[[Page], object]]] = {
    "home": _at("/home"),
    "phone": _at("/phone"),
    "phone-call": _in_a_call,
    "phone-owner": _owners_call,
    "phone-pasted": _pasted,
    "messages": _at("/messages"),
    "flows": _at("/flows"),
    "flow": _at("/flows/reception#reception/operator"),
    "flow-week": _at("/flows/reception"),
    "flow-traffic": _at("/flows/reception?paint=traffic&days=1"),
    "calls": _at("/calls"),
    "call": _at("/calls/aaaaaaaa-0"),
    "report": _at("/report"),
    "change": _at("/change"),
    "change-file": _at("/change/flows/reception.yaml"),
    "health": _at("/health"),
    "missing": _at("/no/such/page"),
}


OWNER_PAGES: Final = ("home", "messages", "calls", "report", "flow-week", "change-file", "phone-owner")
COLLEAGUE: Final = {"uuid": "bbbbbbbb", "direction": "outbound", "to": "447700900111"}
OWNER_INPUTS: Final[Sequence[Sequence[dict[str, Any]]]] = [
    [{"dtmf": {"digits": "1"}}, COLLEAGUE | {"status": "answered"}, COLLEAGUE | {"status": "completed"}],
    [{"dtmf": {"digits": "3"}}],
    [{"dtmf": {"digits": "1"}}, COLLEAGUE | {"status": "answered"}, COLLEAGUE | {"status": "completed"}],
    [{"dtmf": {"digits": "9"}}],
    [{"dtmf": {"digits": "2"}}, COLLEAGUE | {"status": "answered"}, COLLEAGUE | {"status": "completed"}],
]
"""A colleague answers, the caller listens to the opening hours, or the caller hangs up in the menu."""
OWNER_CALLS: Final = [(f"4477009001{n:02}", "442079460001", OWNER_INPUTS[n % 5]) for n in range(26)]
EARLIER: Final = """
    UPDATE calls SET created_at = created_at - 23000000
        * (SELECT count(*) FROM calls AS later WHERE later.key > calls.key);
    UPDATE calls SET updated_at = created_at + 70000 + 31000 * (key % 7);
    UPDATE webhooks SET received_at = (SELECT created_at FROM calls WHERE key = call_key)
        + CASE WHEN kind = 'event-answered' THEN 17000 + call_key % 5 * 2000 ELSE 0 END;
"""
"""Spreads the calls over a week; each lasts a minute or more."""


def take_for_owners(folder: Path) -> None:
    """Take a small picture of each page, for the documentation."""
    with (
        tempfile.TemporaryDirectory() as home,
        running_console(Path(home), OWNER_CALLS) as link,
        running_browser() as browser,
    ):
        with closing(sqlite3.connect(Path(home) / "calls.db")) as database, database:
            database.executescript(EARLIER)
        console = open_console(browser, link)
        inbox = Inbox(Path(home))
        inbox.put("447700900123", caller_name="Ann Smith", about="repairs", transcript="My brake squeaks again.")
        inbox.put("447700900456", caller_name="Tom Lee", about="sales", transcript="Is the blue bicycle still there?")
        page = browser.new_context(**console, viewport={"width": 1000, "height": 580}).new_page()
        page.goto("/home")
        page.get_by_role("button", name="Owner").click()
        for name in OWNER_PAGES:
            PAGES[name](page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"owner-{name}.jpg", type="jpeg", quality=50)


def take(folder: Path, names: Sequence[str]) -> None:
    """Take pictures of each page: light and dark, in a wide and in a narrow window."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_console(Path(home)) as link, running_browser() as browser:
        console = open_console(browser, link)
        inbox = Inbox(Path(home))
        words = "Hello, this is Ann Smith. The roof leaks again. Please call me back."
        inbox.put("447700900123", caller_name="Ann Smith", about="repairs", transcript=words)
        inbox.put(
            "4930123456", state="waiting", problem="Vonage answered with status 503", cure="wait: it is tried again"
        )
        for scheme in ("light", "dark"):
            for width in (WIDE, NARROW):
                for name in names or PAGES:
                    window = browser.new_context(
                        **console, viewport={"width": width, "height": 900}, color_scheme=scheme
                    )
                    page = window.new_page()
                    PAGES[name](page)
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
                    window.close()


if __name__ == "__main__":
    if sys.argv[2:] == ["owner"]:
        take_for_owners(Path(sys.argv[1]))
    else:
        take(Path(sys.argv[1]), sys.argv[2:])
