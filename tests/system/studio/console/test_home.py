"""The owners' first page in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, expect

from tests.support import loopback
from tests.support.server import running
from tests.system.studio.console.browser import NARROW, Watch, check_page, open_console
from tests.system.studio.console.server import files_of_project, link_of, running_console

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


def test_who_is_on_the_line_is_shown_live(browser: Browser, tmp_path: Path) -> None:
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", "NCCO_PYTHON_LOOKUPS": "points_of_shop"}
    with running(tmp_path, files_of_project(), settings, "--dev") as server:
        context = browser.new_context(**open_console(browser, link_of(server)))
        watch = Watch(context)
        page = context.new_page()
        page.goto("/home")
        expect(page.get_by_role("list", name="Today")).to_be_visible()
        line = page.get_by_role("region", name="On the line now")
        expect(line).to_have_count(0)

        legs = {"uuid": "aaaaaaaa-0", "conversation_uuid": "CON-0", "from": "447700900123", "to": "442079460001"}
        reply = loopback.post(f"{server.url}/webhooks/answer", json=legs)
        expect(line).to_contain_text("07700 900123 in the menu")
        check_page(page)
        asked = next(action for action in reply.json() if "eventUrl" in action)
        pressed = {**legs, "dtmf": {"digits": "1", "timed_out": False}}
        loopback.post(server.url + httpx.URL(asked["eventUrl"][0]).path, json=pressed).raise_for_status()
        expect(line).to_contain_text("at “sales”")
        over = {"status": "completed", "direction": "inbound", **legs}
        loopback.post(f"{server.url}/webhooks/event", json=over).raise_for_status()
        expect(line).to_have_count(0)
        assert [] == watch.unexpected()
        context.close()
