"""The owners' first page in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, expect

from tests.system.studio.console.browser import NARROW, Watch, open_console
from tests.system.studio.console.server import running_console

MISSED: Final[Sequence[tuple[str, str, Sequence[dict[str, Any]]]]] = (
    ("447700900123", "442079460001", ()),
    ("447700900456", "442079460001", ()),
)


def test_done_can_be_undone_at_once_or_later(browser: Browser, tmp_path: Path) -> None:
    with running_console(tmp_path, MISSED) as link:
        context = browser.new_context(**open_console(browser, link))
        watch = Watch(context)
        page = context.new_page()
        page.set_viewport_size({"width": NARROW, "height": 844})
        page.goto("/home")
        missed = page.get_by_role("region", name="To call back")
        expect(missed.get_by_role("link", name="Call back")).to_have_count(2)

        page.get_by_role("button", name="07700 900123 was called back").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(1)
        expect(page.get_by_role("status")).to_contain_text("07700 900123 was called back.")
        page.get_by_role("status").get_by_role("button", name="Undo").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(2)

        page.get_by_role("button", name="07700 900456 was called back").click()
        missed.get_by_text("1 called back").click()
        missed.get_by_role("button", name="07700 900456 was not called back").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(2)
        assert [] == watch.unexpected()
        context.close()
