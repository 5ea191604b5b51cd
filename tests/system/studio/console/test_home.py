"""The owners' first page in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.support.server import running
from tests.support.webhooks import callback, facts, keys, send
from tests.system.studio.console.browser import NARROW, Watch, check_page, new_window, open_console
from tests.system.studio.console.server import files_of_project, link_of


def call_of(number: int) -> dict[str, str]:
    """The fields of a call from one of three callers."""
    return {**facts(f"aaaaaaaa-{number}", to="442079460001"), "from": f"44770090012{number}"}


def test_who_is_on_the_line_is_shown_live_and_missed_callers_are_called_back(browser: Browser, tmp_path: Path) -> None:
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", "NCCO_PYTHON_LOOKUPS": "points_of_shop"}
    with (
        running(tmp_path, files_of_project(), settings, "--dev") as server,
        new_window(browser, **open_console(browser, link_of(server))) as context,
    ):
        watch = Watch(context)
        page = context.new_page()
        page.goto("/home")
        expect(page.get_by_role("list", name="Today")).to_be_visible()
        line = page.get_by_role("region", name="On the line now")
        expect(line).to_have_count(0)

        def answer(number: int) -> list[dict[str, Any]]:
            return send(server.url, "/webhooks/answer", **call_of(number))

        def hang_up(number: int) -> None:
            over = {"status": "completed", "direction": "inbound", "disconnected_by": "user", **call_of(number)}
            send(server.url, "/webhooks/event", **over)

        asked = answer(0)
        expect(line).to_contain_text("07700 900120 in the menu")
        check_page(page)
        send(server.url, callback(asked), **call_of(0), **keys("1"))
        expect(line).to_contain_text("at “sales”")
        hang_up(0)
        expect(line).to_have_count(0)

        for number in (1, 2):
            answer(number)
            hang_up(number)
        page.set_viewport_size({"width": NARROW, "height": 844})
        missed = page.get_by_role("region", name="To call back")
        expect(missed.get_by_role("link", name="Call back")).to_have_count(3)
        page.get_by_role("button", name="Done: 07700 900121 was called back").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(2)
        expect(page.get_by_role("status")).to_contain_text("07700 900121 was called back.")
        page.get_by_role("status").get_by_role("button", name="Undo").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(3)
        page.get_by_role("button", name="07700 900122 was called back").click()
        missed.get_by_text("1 called back").click()
        missed.get_by_role("button", name="07700 900122 was not called back").click()
        expect(missed.get_by_role("link", name="Call back")).to_have_count(3)
        assert [] == watch.unexpected()
